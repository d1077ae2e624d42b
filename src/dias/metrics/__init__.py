"""Agreement of label maps with ground truth: float64, one value an image or clip, NaN where undefined."""

from dias.metrics.ari import adjusted_rand_index
from dias.metrics.average import Average, mean_and_deviation, mean_over_valid
from dias.metrics.boundary import boundary_f
from dias.metrics.contingency import Contingency, contingency_table
from dias.metrics.growing import FrameCounts, GrowingContingency
from dias.metrics.overlap import mean_best_overlap, mean_iou
from dias.metrics.recognition import box_iou, r2_per_coordinate, top_k_hits
from dias.metrics.segmentation import SegmentationScores, scores_from_counts, segmentation_scores
from dias.metrics.tracks import TrackScores, TrackStream, track_scores

__all__ = [
    "Average",
    "Contingency",
    "FrameCounts",
    "GrowingContingency",
    "SegmentationScores",
    "TrackScores",
    "TrackStream",
    "adjusted_rand_index",
    "boundary_f",
    "box_iou",
    "contingency_table",
    "mean_and_deviation",
    "mean_best_overlap",
    "mean_iou",
    "mean_over_valid",
    "r2_per_coordinate",
    "scores_from_counts",
    "segmentation_scores",
    "top_k_hits",
    "track_scores",
]
