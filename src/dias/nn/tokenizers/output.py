"""What a tokenizer makes of a picture, and what every tokenizer can do."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int64
from torch import Tensor, nn

from dias.nn.chance import Chance


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A picture as tokens of a tokenizer; `codes` are their numbers in its codebook, None without one."""

    tokens: Float[Tensor, "b m c"]
    codes: Int64[Tensor, "b m"] | None = None


class TokenizerPart(nn.Module):
    """Trained first, by its own loss; then frozen, and its codes are what a decoder explains.

    Attributes:
        codes: size of the codebook; None without one.
        channels: of a token.
        source: what it encodes: pictures, or features of the backbone.
    """

    codes: int | None
    channels: int
    source: Literal["images", "features"]

    def encode(self, seen: Tensor) -> Coded:
        """Tokens of pictures (b 3 h w; uint8, or float 0 to 1) or features (b m c); nothing is random."""
        raise NotImplementedError

    def decode(self, tokens: Float[Tensor, "b m c"]) -> Float[Tensor, "b 3 s s"]:
        """Pictures, 0 to 1, of tokens."""
        raise NotImplementedError

    def loss(
        self,
        images: Tensor,
        features: Float[Tensor, "b m c"] | None,
        *,
        progress: float,
        generator: Chance = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """What its training minimises: the sum of these parts, weighted already, by name.

        Args:
            images: pictures, uint8 from 0 to 255.
            features: of the backbone, where `source` says so.
            progress: of the training, 0 to 1.
            generator: source of all that is random.
        """
        raise NotImplementedError
