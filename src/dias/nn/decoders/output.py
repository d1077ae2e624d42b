"""What every decoder returns."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Reconstructed tokens, and how each token's explanation is shared by slots (sums to 1 over n)."""

    reconstruction: Float[Tensor, "b m c"]
    attention: Float[Tensor, "b n m"] | None
