"""Intersection over union of segments: mean best overlap, and mean IoU under a one-to-one match."""

import torch
from jaxtyping import Bool, Float64, Integer
from torch import Tensor

from dias.masks.matching import hungarian
from dias.metrics.contingency import Contingency, contingency_table


def mean_best_overlap(
    pred: Integer[Tensor, "b *pixels"],
    target: Integer[Tensor, "b *pixels"],
    include_background: bool = True,
    *,
    valid: Bool[Tensor, "b *pixels"] | None = None,
    invalid_in_area: bool = False,
) -> Float64[Tensor, " b"]:
    """For each true segment its best IoU over predicted ones, then the mean (mBO; Pont-Tuset et al. 2017).

    Args:
        pred: segment of each pixel, any numbers; a clip is one image, time among its axes.
        target: likewise; every label that is there counts as a segment.
        include_background: whether label 0 of the target counts too. If not, no segment is looked for there,
            but its pixels stay in the area of predicted segments: to spill into the background costs.
        valid: pixels that have a true label; all if None.
        invalid_in_area: whether the others stand in the area of the predicted segments that cover them, so
            that a segment which spreads over them loses IoU (the authors' util_learn.py,
            `intersection_over_union`). If not, they stand in no area at all.

    Returns:
        One value an image, 0 to 1; NaN without a true segment.
    """
    table = contingency_table(pred, target, valid=valid)
    return mbo_from_counts(table, include_background=include_background, invalid_in_area=invalid_in_area)


def mean_iou(
    pred: Integer[Tensor, "b *pixels"],
    target: Integer[Tensor, "b *pixels"],
    include_background: bool = True,
    *,
    valid: Bool[Tensor, "b *pixels"] | None = None,
    invalid_in_area: bool = False,
) -> Float64[Tensor, " b"]:
    """Mean IoU of true segments under the one-to-one match that makes it largest; 0 for those unmatched.

    Arguments and result are those of `mean_best_overlap`, which it never exceeds.
    """
    table = contingency_table(pred, target, valid=valid)
    return miou_from_counts(table, include_background=include_background, invalid_in_area=invalid_in_area)


def mbo_from_counts(
    table: Contingency, *, include_background: bool = True, invalid_in_area: bool = False
) -> Float64[Tensor, " b"]:
    """`mean_best_overlap` from pixel counts."""
    if table.counts.shape[1] == 0:
        return torch.full((len(table.counts),), torch.nan, dtype=torch.float64)
    iou = iou_from_counts(table, invalid_in_area=invalid_in_area)
    return _mean(iou.amax(dim=1), _segments(table, include_background))


def miou_from_counts(
    table: Contingency, *, include_background: bool = True, invalid_in_area: bool = False
) -> Float64[Tensor, " b"]:
    """`mean_iou` from pixel counts."""
    segments = _segments(table, include_background)
    iou = iou_from_counts(table, invalid_in_area=invalid_in_area).mT  # a row for each true segment
    partner = hungarian(-iou, rows=segments, columns=table.counts.sum(dim=2) > 0)
    matched = iou.gather(2, partner.clamp(min=0)[..., None])[..., 0]
    return _mean(matched * (partner >= 0), segments)


def iou_from_counts(table: Contingency, *, invalid_in_area: bool = False) -> Float64[Tensor, "b k d"]:
    """Intersection over union of each predicted segment with each true one."""
    counts = table.counts
    union = counts.sum(dim=2, keepdim=True) + counts.sum(dim=1, keepdim=True) - counts
    if invalid_in_area:
        union += table.invalid[:, :, None]
    return counts.double() / union.clamp(min=1)


def _segments(table: Contingency, include_background: bool) -> Bool[Tensor, "b d"]:
    there = table.counts.sum(dim=1) > 0
    return there if include_background else there & ~table.background


def _mean(values: Float64[Tensor, "b d"], segments: Bool[Tensor, "b d"]) -> Float64[Tensor, " b"]:
    return torch.where(segments, values, 0.0).sum(dim=1) / segments.sum(dim=1)
