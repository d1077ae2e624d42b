"""Boundary F-measure: how well the outlines of segments agree (Perazzi et al. 2016, section 4; DAVIS)."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float64, Integer
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from dias.masks.matching import hungarian
from dias.masks.overlap import label_iou
from dias.metrics.contingency import check_maps

_TOLERANCE = 0.008  # of the diagonal, as DAVIS has it


@torch.no_grad()
def boundary_f(
    pred: Integer[Tensor, "b h w"],
    target: Integer[Tensor, "b h w"],
    include_background: bool = True,
    *,
    valid: Bool[Tensor, "b h w"] | None = None,
    tolerance: float = _TOLERANCE,
) -> Float64[Tensor, " b"]:
    """Mean boundary F of true segments under the one-to-one match of mIoU.

    A segment that shares no pixel with its match, or has none, counts as 0.
    Precision is the share of the predicted outline's pixels that lie within the tolerance of the true one,
    recall the share of the true outline's that lie within it of the predicted one; F is their harmonic mean.
    Outlines are one pixel wide, and a segment's side at the picture's edge is no outline, as in DAVIS's code.

    Args:
        pred: segment of each pixel, any numbers.
        target: likewise; every label that is there counts as a segment.
        include_background: whether label 0 of the target counts too.
        valid: pixels that have a true label; outlines elsewhere do not count. All if None.
        tolerance: below 1 a share of the picture's diagonal, rounded up to whole pixels; else pixels.

    Returns:
        One value an image, 0 to 1; NaN without a true segment.

    Raises:
        DiasError: the maps are not of one shape, or no integers.
    """
    check_maps(pred, target, valid=valid)
    share = float(math.ceil(tolerance * math.hypot(*pred.shape[1:])))
    pixels = tolerance if tolerance >= 1 else share
    masks = [None] * len(pred) if valid is None else list(valid.cpu().numpy())
    values = [
        _of_image(*maps, valid=mask, include_background=include_background, pixels=pixels)
        for *maps, mask in zip(pred.cpu().numpy(), target.cpu().numpy(), masks, strict=True)
    ]
    return torch.tensor(values, dtype=torch.float64)


def _of_image(
    pred: Integer[np.ndarray, "h w"],
    target: Integer[np.ndarray, "h w"],
    *,
    valid: Bool[np.ndarray, "h w"] | None,
    include_background: bool,
    pixels: float,
) -> float:
    names = np.unique(target if valid is None else target[valid])
    names = names if include_background else names[names != 0]
    if not len(names):
        return math.nan
    found, numbers = np.unique(pred, return_inverse=True)
    columns = np.searchsorted(names, target).clip(max=len(names) - 1)
    columns = np.where(names[columns] == target, columns, -1)
    numbers = numbers.reshape(pred.shape)
    iou = label_iou(columns, numbers, n=len(names), k=len(found), valid=valid)
    partner = hungarian(torch.from_numpy(-iou)[None])[0].tolist()
    total = 0.0
    for place, match in enumerate(partner):
        if match >= 0 and iou[place, match] > 0:
            total += _f_measure(_outline(numbers == match), _outline(columns == place), valid, pixels=pixels)
    return total / len(names)


def _f_measure(
    found: Bool[np.ndarray, "h w"],
    true: Bool[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"] | None,
    *,
    pixels: float,
) -> float:
    """Harmonic mean of precision and recall of an outline; two segments without outline agree."""
    if valid is not None:
        found, true = found & valid, true & valid
    if not found.any() or not true.any():
        return float(not found.any() and not true.any())
    precision = float((distance_transform_edt(~true)[found] <= pixels).mean())
    recall = float((distance_transform_edt(~found)[true] <= pixels).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels that differ from the one to the right, below, or both (DAVIS's `_seg2bmap`)."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, both = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return np.asarray((mask ^ right) | (mask ^ below) | (mask ^ both))
