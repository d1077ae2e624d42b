"""All four metrics from one count of pixels."""

from dataclasses import dataclass

from jaxtyping import Bool, Float64, Integer
from torch import Tensor

from dias.metrics.ari import ari_from_counts, overflowed_ari_from_counts
from dias.metrics.contingency import Contingency, contingency_table
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
    invalid_in_area: bool = False,
    int64_overflow: bool = False,
) -> SegmentationScores:
    """ARI, ARIfg, mBO and mIoU of label maps, as `adjusted_rand_index` and `mean_best_overlap` describe them.

    Args:
        pred: segment of each pixel, any numbers.
        target: likewise; 0 is the background.
        valid: pixels that have a true label; all if None. Both ARIs leave the others out.
        include_background: whether mBO and mIoU count the target's label 0 as a segment.
        invalid_in_area: whether, for mBO and mIoU, pixels that are not valid stand in the area of predicted
            segments.
        int64_overflow: ARI and ARIfg as the authors' code computes them, which is wrong at usual sizes.
    """
    return scores_from_counts(
        contingency_table(pred, target, valid=valid),
        include_background=include_background,
        invalid_in_area=invalid_in_area,
        int64_overflow=int64_overflow,
    )


def scores_from_counts(
    table: Contingency,
    *,
    include_background: bool = True,
    invalid_in_area: bool = False,
    int64_overflow: bool = False,
) -> SegmentationScores:
    """The same from pixel counts, of images or of whole clips."""
    ari = overflowed_ari_from_counts if int64_overflow else ari_from_counts
    return SegmentationScores(
        ari=ari(table),
        ari_foreground=ari(table, foreground_only=True),
        mbo=mbo_from_counts(table, include_background=include_background, invalid_in_area=invalid_in_area),
        miou=miou_from_counts(table, include_background=include_background, invalid_in_area=invalid_in_area),
    )
