"""What every tokenizer returns."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A batch in codes: their embeddings, and which they are (0 to codebook size - 1)."""

    tokens: Float[Tensor, "b m c"]
    codes: Int64[Tensor, "b m"] | None = None
