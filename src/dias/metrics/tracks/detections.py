"""What stands in one frame of a clip: true segments, predicted ones, and how well each pair overlaps."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from dias.metrics.growing import FrameCounts
from dias.metrics.overlap import iou_from_counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections:
    """One frame.

    Attributes:
        objects: number in the clip, from 0, of each true segment that is seen.
        tracks: number in the clip, from 0, of each predicted segment that is seen.
        iou: of each pair, 0 to 1.
    """

    objects: Int64[np.ndarray, " d"]
    tracks: Int64[np.ndarray, " k"]
    iou: Float64[np.ndarray, "d k"]


def detections_from_counts(
    frame: FrameCounts, *, include_background: bool = True, invalid_in_area: bool = False
) -> Detections:
    """Read a frame's segments off its pixel counts.

    A predicted segment is seen where it has a valid pixel. Without the background, a segment is left out of
    the frames in which more than half of it lies there: it can match no object with an IoU of 0.5, and a
    method that gives every pixel to some segment cannot help having it. (MOTS treats tracks in regions to be
    ignored so: Voigtlaender et al. 2019, section 5.)

    Args:
        frame: pixel counts.
        include_background: whether the target's label 0 is an object like any other.
        invalid_in_area: as `dias.metrics.mean_best_overlap` has it.
    """
    counts = frame.table.counts[0]
    background = frame.table.background[0]
    seen = counts.sum(dim=1) > 0
    true = torch.ones_like(background)
    if not include_background:
        area = counts.sum(dim=1) + (frame.table.invalid[0] if invalid_in_area else 0)
        seen &= 2 * counts[:, background].sum(dim=1) <= area
        true = ~background
    iou = iou_from_counts(frame.table, invalid_in_area=invalid_in_area)[0]
    chosen: Bool[np.ndarray, " k"] = seen.numpy()
    return Detections(
        objects=frame.columns[true.numpy()], tracks=frame.rows[chosen], iou=iou[seen][:, true].mT.numpy()
    )
