"""What can be done with masks, without a network: label maps, overlap, matching, run lengths, boxes."""

from dias.masks.boxes import boxes_from_labels
from dias.masks.matching import hungarian
from dias.masks.overlap import soft_iou
from dias.masks.resize import label_map

__all__ = ["boxes_from_labels", "hungarian", "label_map", "soft_iou"]
