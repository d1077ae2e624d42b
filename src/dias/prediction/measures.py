"""How far predicted frames are from the true future, step by step; float64, NaN where undefined."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from dias.masks.matching import hungarian


def partners(
    found: Float[Tensor, "n d"],
    truth: Float[Tensor, "n d"],
    *,
    found_kept: Bool[Tensor, " n"],
    true_kept: Bool[Tensor, " n"],
) -> Int64[Tensor, " n"]:
    """Which predicted slot each true one is, by the least sum of squared distances in one frame.

    Asked once, in the last frame of burn-in: from there on a slot has to stay what it is.

    Returns:
        Place of a predicted slot for each true one; -1 where there is none.
    """
    cost = torch.cdist(truth.double(), found.double()).square()
    return hungarian(cost[None], rows=true_kept[None], columns=found_kept[None])[0]


def slot_errors(
    found: Float[Tensor, "t n d"],
    truth: Float[Tensor, "t n d"],
    kept: Bool[Tensor, "t n"],
    partner: Int64[Tensor, " n"],
) -> Float64[Tensor, " t"]:
    """Mean squared difference over slots and numbers, in each frame; NaN in a frame without a slot.

    Args:
        found: predicted slots.
        truth: those that the model finds when it sees the frames.
        kept: which of those are there; what has no partner does not count.
        partner: from `partners`.
    """
    there = kept & (partner >= 0)
    squared = (found[:, partner.clamp(min=0)].double() - truth.double()).square().mean(dim=2)
    return (squared * there).sum(dim=1) / there.sum(dim=1)  # 0 / 0 is NaN


def covered(kept: Bool[Tensor, "t n"], partner: Int64[Tensor, " n"]) -> Float64[Tensor, " t"]:
    """Share of the slots that are there in each frame that were there in the last frame of burn-in."""
    return (kept & (partner >= 0)).double().sum(dim=1) / kept.double().sum(dim=1)


def cosine_errors(found: Float[Tensor, "t m c"], truth: Float[Tensor, "t m c"]) -> Float64[Tensor, " t"]:
    """1 - cosine of predicted and true features, averaged over the tokens of each frame; 0 to 2."""
    return 1 - F.cosine_similarity(found.double(), truth.double(), dim=2).mean(dim=1)


def psnr(found: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> Float64[Tensor, " t"]:
    """Peak signal-to-noise ratio of pictures from 0 to 1, in dB; infinite where they are equal."""
    return -10 * (found.double() - truth.double()).square().mean(dim=(1, 2, 3)).log10()


def ssim(found: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> Float64[Tensor, " t"]:
    """Structural similarity of pictures from 0 to 1 (Wang et al. 2004), by torchmetrics; 1 is perfect."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    values = structural_similarity_index_measure(
        found.double(), truth.double(), data_range=1.0, reduction="none"
    )
    assert isinstance(values, Tensor)
    return values.reshape(-1)
