"""Label maps against ground truth, by the rules of a protocol."""

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from dias.evaluation.protocol import Rules
from dias.metrics import (
    Contingency,
    SegmentationScores,
    contingency_table,
    mean_best_overlap,
    scores_from_counts,
)


def scores_by(
    rules: Rules,
    labels: Int64[Tensor, "b h w"],
    masks: Int64[Tensor, "b h w"],
    *,
    valid: Bool[Tensor, "b h w"] | None,
) -> SegmentationScores:
    """ARI, ARIfg, mBO and mIoU of each image.

    Args:
        rules: the protocol's.
        labels: predicted segment of each pixel.
        masks: true one; 0 is the background.
        valid: pixels that are labelled; None when all are.
    """
    return scores_of_counts(rules, contingency_table(labels, masks, valid=valid))


def scores_of_counts(rules: Rules, table: Contingency) -> SegmentationScores:
    """The same from pixel counts, of images, of frames or of whole clips."""
    scores = scores_from_counts(
        table,
        include_background=rules.background,
        invalid_in_area=rules.unlabelled == "area",
        int64_overflow=rules.int64,
    )
    if rules.objectless == "left-out":
        return scores
    return SegmentationScores(
        ari=scores.ari,
        ari_foreground=scores.ari_foreground.nan_to_num(nan=1.0),
        mbo=scores.mbo,
        miou=scores.miou,
    )


def class_overlap_by(
    rules: Rules,
    labels: Int64[Tensor, "b h w"],
    classes: Int64[Tensor, "b h w"] | None,
    *,
    valid: Bool[Tensor, "b h w"] | None,
) -> Float64[Tensor, " b"]:
    """MBO with all objects of one class as one segment (mBO_c); NaN where classes are not known."""
    if classes is None:
        return torch.full((len(labels),), torch.nan, dtype=torch.float64)
    return mean_best_overlap(
        labels, classes, rules.background, valid=valid, invalid_in_area=rules.unlabelled == "area"
    )
