"""Adjusted Rand index."""

import torch
from jaxtyping import Bool, Float64, Integer
from torch import Tensor

from dias.metrics.contingency import Contingency, contingency_table


def adjusted_rand_index(
    pred: Integer[Tensor, "b *pixels"],
    target: Integer[Tensor, "b *pixels"],
    foreground_only: bool = False,
    *,
    valid: Bool[Tensor, "b *pixels"] | None = None,
) -> Float64[Tensor, " b"]:
    """Agreement of two partitions of the pixels, corrected for chance (Hubert and Arabie 1985).

    1 is perfect up to the names of the segments, 0 is what chance gives, below 0 is worse than chance.
    It is 1 where the formula is 0 / 0, which happens only to equal partitions: both one segment, or both with
    every pixel apart. A single object under `foreground_only` scores 0, unless it was not split: then 1.

    *Differs from the authors' code:* theirs (learn/metric.py, line 181) multiplies pair counts in int64,
    which overflows at 256x256; so does torchmetrics 1.9. Here pairs are counted in int64, which is exact, and
    multiplied in float64.

    Args:
        pred: segment of each pixel, any numbers; a clip is one image, time among its axes.
        target: likewise; 0 is the background.
        foreground_only: look only at pixels whose target is not 0 (ARIfg).
        valid: pixels to look at; all if None.

    Returns:
        One value an image; NaN without a pixel to look at.
    """
    return ari_from_counts(contingency_table(pred, target, valid=valid), foreground_only=foreground_only)


def ari_from_counts(table: Contingency, *, foreground_only: bool = False) -> Float64[Tensor, " b"]:
    """The same from pixel counts."""
    counts = table.counts
    if foreground_only:
        counts = counts.masked_fill(table.background[:, None, :], 0)
    pixels = counts.sum(dim=(1, 2))
    # ordered pairs of pixels (a pixel with itself included) that lie in one segment
    both = counts.square().sum(dim=(1, 2))
    in_pred = counts.sum(dim=2).square().sum(dim=1)
    in_target = counts.sum(dim=1).square().sum(dim=1)
    together = (both - pixels).double()
    apart = (pixels.square() - in_pred - in_target + both).double()
    pred_only, target_only = (in_pred - both).double(), (in_target - both).double()
    above = 2 * (together * apart - pred_only * target_only)
    below = (together + target_only) * (target_only + apart) + (together + pred_only) * (pred_only + apart)
    return torch.where(below == 0, 1.0, above / below).masked_fill(pixels == 0, torch.nan)
