"""All four metrics from one count of pixels."""

from dataclasses import dataclass

from jaxtyping import Bool, Float64, Integer
from torch import Tensor

from dias.metrics.ari import ari_from_counts
from dias.metrics.contingency import contingency_table
from dias.metrics.overlap import mbo_from_counts, miou_from_counts


@dataclass(frozen=True, kw_only=True)
class SegmentationScores:
    """One value an image (1 is perfect); NaN where a metric is not defined, to be left out of means."""

    ari: Float64[Tensor, " b"]
    ari_foreground: Float64[Tensor, " b"]
    mbo: Float64[Tensor, " b"]
    miou: Float64[Tensor, " b"]


def segmentation_scores(
    pred: Integer[Tensor, "b *pixels"],
    target: Integer[Tensor, "b *pixels"],
    *,
    valid: Bool[Tensor, "b *pixels"] | None = None,
    include_background: bool = True,
) -> SegmentationScores:
    """ARI, ARIfg, mBO and mIoU of label maps, as `adjusted_rand_index` and `mean_best_overlap` describe them.

    Args:
        pred: segment of each pixel, any numbers.
        target: likewise; 0 is the background.
        valid: pixels to look at; all if None.
        include_background: whether mBO and mIoU count the target's label 0 as a segment.
    """
    table = contingency_table(pred, target, valid=valid)
    return SegmentationScores(
        ari=ari_from_counts(table),
        ari_foreground=ari_from_counts(table, foreground_only=True),
        mbo=mbo_from_counts(table, include_background=include_background),
        miou=miou_from_counts(table, include_background=include_background),
    )
