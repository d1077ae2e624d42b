"""How much of a codebook is in use: what is watched, never minimised."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of the codes of some pictures.

    Attributes:
        used: share of the codebook that occurs (0 to 1).
        perplexity: exponential of the codes' entropy: so many equally frequent codes would be as varied.
    """

    used: float
    perplexity: float


def usage(codes: Int64[Tensor, "*any"], *, size: int) -> Usage:
    """Usage of a codebook of `size` by `codes`; in float64."""
    counts = torch.bincount(codes.flatten(), minlength=size).double()
    shares = counts / counts.sum()
    entropy = -torch.special.xlogy(shares, shares).sum()
    return Usage(used=float((counts > 0).double().mean()), perplexity=float(entropy.exp()))
