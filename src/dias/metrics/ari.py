"""Adjusted Rand index."""

import math

import torch
from jaxtyping import Bool, Float64, Int64, Integer
from torch import Tensor

from dias.metrics.contingency import Contingency, contingency_table

_SQUARE_FITS = 3_037_000_499  # pixels whose number squared is within int64


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
    counts = _counts(table, foreground_only)
    pixels = counts.sum(dim=(1, 2))
    if pixels.numel() and int(pixels.max()) > _SQUARE_FITS:  # a long clip
        found = [_ari_of_many(one) for one in counts.cpu().tolist()]
        return torch.tensor(found, dtype=torch.float64, device=counts.device)
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


def _ari_of_many(counts: list[list[int]]) -> float:
    """The same formula in Python's integers, which have no end; one image."""
    pixels = sum(map(sum, counts))
    if pixels == 0:
        return math.nan
    both = sum(count * count for row in counts for count in row)
    in_pred = sum(sum(row) ** 2 for row in counts)
    in_target = sum(sum(column) ** 2 for column in zip(*counts, strict=True))
    together, apart = both - pixels, pixels**2 - in_pred - in_target + both
    pred_only, target_only = in_pred - both, in_target - both
    below = (together + target_only) * (target_only + apart) + (together + pred_only) * (pred_only + apart)
    return 1.0 if below == 0 else 2 * (together * apart - pred_only * target_only) / below


def overflowed_ari_from_counts(table: Contingency, *, foreground_only: bool = False) -> Float64[Tensor, " b"]:
    """The authors' ARI, wrong where a product of two pair counts exceeds int64: to reproduce their tables.

    The agreement that chance would give, which is to be subtracted, comes out near 0 or below
    (learn/metric.py, line 181). It can happen from 256x256 pixels on, and nearly always does in clips. Only
    that product wraps; what follows is float64 here, float32 there, which is no difference in a table.
    """
    counts = _counts(table, foreground_only)
    pixels = counts.sum(dim=(1, 2))
    together = _pairs(counts).sum(dim=(1, 2))
    in_pred, in_target = _pairs(counts.sum(dim=2)).sum(dim=1), _pairs(counts.sum(dim=1)).sum(dim=1)
    by_chance = (in_pred * in_target).double() / _pairs(pixels).clamp(min=1)  # int64 wraps
    most = (in_pred + in_target).double() / 2
    found = (together - by_chance) / (most - by_chance)
    return torch.where(most == by_chance, 1.0, found).masked_fill(pixels == 0, torch.nan)


def _counts(table: Contingency, foreground_only: bool) -> Int64[Tensor, "b k d"]:
    return table.counts.masked_fill(table.background[:, None, :], 0) if foreground_only else table.counts


def _pairs(counts: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
    return counts * (counts - 1)
