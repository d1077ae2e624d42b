"""Agreement of label maps with ground truth: float64, one value an image, NaN where undefined."""

from dias.metrics.ari import adjusted_rand_index
from dias.metrics.average import Average, mean_and_deviation, mean_over_valid
from dias.metrics.contingency import Contingency, contingency_table
from dias.metrics.overlap import mean_best_overlap, mean_iou
from dias.metrics.segmentation import SegmentationScores, segmentation_scores

__all__ = [
    "Average",
    "Contingency",
    "SegmentationScores",
    "adjusted_rand_index",
    "contingency_table",
    "mean_and_deviation",
    "mean_best_overlap",
    "mean_iou",
    "mean_over_valid",
    "segmentation_scores",
]
