"""What every quantizer returns, and what is learned from it (van den Oord et al. 2017, equations 2 and 3)."""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """The code chosen for each vector, and its embedding, through which the codebook learns."""

    tokens: Float[Tensor, "b m c"]
    codes: Int64[Tensor, "b m"]


def straight_through(
    encoded: Float[Tensor, "b m c"], tokens: Float[Tensor, "b m c"], *, share: float = 1.0
) -> Float[Tensor, "b m c"]:
    """Vectors moved towards their codes, all the way at `share` 1; gradients pass as if they were not."""
    return encoded + share * (tokens - encoded).detach()


def alignment(encoded: Float[Tensor, "b m c"], tokens: Float[Tensor, "b m c"]) -> Float[Tensor, ""]:
    """Codes go to the vectors that chose them: mean squared distance, the vectors held."""
    return F.mse_loss(tokens.float(), encoded.detach().float())


def commitment(encoded: Float[Tensor, "b m c"], tokens: Float[Tensor, "b m c"]) -> Float[Tensor, ""]:
    """Vectors go to their codes: mean squared distance, the codes held."""
    return F.mse_loss(encoded.float(), tokens.detach().float())
