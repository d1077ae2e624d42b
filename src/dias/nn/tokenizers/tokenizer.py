"""What every tokenizer can do."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from dias.nn.chance import Chance
from dias.nn.tokenizers.autoencoders import start_from_published
from dias.nn.tokenizers.output import Coded
from dias.nn.tokenizers.usage import Usage, usage
from dias.nn.tokenizers.views import PIXELS, grid_side, pixels, to_grid

Images = UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"]


class TokenizerPart(nn.Module, ABC):
    """Pictures or features into codes; trained on its own (stage 1), frozen ever after (stage 2).

    Attributes:
        codes: size of the codebook.
        channels: of a code's embedding.
        source: what is encoded: pictures, or a backbone's features.
        positions: codes a picture.
        side: of the pictures that are encoded and decoded, in pixels.
        decoder: a grid of embeddings into pictures, about 0 to 1.
    """

    source: Literal["images", "features"]
    decoder: nn.Module

    def __init__(self, *, codes: int, channels: int, positions: int) -> None:
        super().__init__()
        self.codes = codes
        self.channels = channels
        self.positions = positions
        self.side = PIXELS * grid_side(positions)

    @abstractmethod
    def encode(self, seen: Tensor) -> Coded:
        """Encode pictures (uint8, or float from 0 to 1; any size) or features (b, m, c), as `source` says.

        Deterministic in any mode, in float32, without gradient: noise belongs to stage 1 alone (in the
        authors' code it also disturbs the targets of stage 2; reference study, 6-C8).
        """

    @abstractmethod
    def loss(
        self,
        images: Images,
        features: Float[Tensor, "b m c"] | None,
        *,
        progress: float,
        generator: Chance = None,
    ) -> dict[str, Tensor]:
        """What stage 1 minimises, in named parts, each weighted already; their sum is the loss.

        Args:
            images: uint8 from 0 to 255, or float from 0 to 1; resized to `side`.
            features: of a backbone; needed where `source` is features.
            progress: of training, 0 to 1, for what is annealed.
            generator: source of the noise, in training; in evaluation there is none.
        """

    @abstractmethod
    def embed(self, codes: Int64[Tensor, "b k"]) -> Float[Tensor, "b k c"]:
        """Embeddings of codes."""

    @torch.no_grad()
    def nearest(self, tokens: Float[Tensor, "b m c"]) -> Float[Tensor, "b m c"]:
        """Each vector moved to the embedding nearest to it, in Euclidean distance."""
        each = torch.arange(self.codes, device=tokens.device)
        distances = torch.cdist(tokens.float(), self.embed(each[None]).float())
        return self.embed(distances.argmin(dim=-1))

    def decode(self, tokens: Float[Tensor, "b m c"]) -> Float[Tensor, "b 3 s s"]:
        """Codes' embeddings into pictures of `side` pixels, from 0 to 1."""
        picture: Tensor = self.decoder(to_grid(tokens))
        return picture.float().clamp(0, 1)

    def usage(self, codes: Int64[Tensor, "b m"]) -> Usage:
        """How much of the codebook those codes use."""
        return usage(codes, size=self.codes)

    def start(self) -> str | None:
        """Get ready for stage 1: once, before its first step, never when it is resumed.

        Loads published weights (TAESD's) where there are any, then lets the codes start where they are used.

        Returns:
            A line that says which weights the published parts have now; None where there are no such parts.
        """
        return start_from_published(self)

    def _seen(self, images: Images) -> Float[Tensor, "b 3 s s"]:
        with torch.autocast(images.device.type, enabled=False):
            return pixels(images, side=self.side)
