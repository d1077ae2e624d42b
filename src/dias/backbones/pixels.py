"""A backbone without weights: the pixels themselves are the tokens (Locatello et al. 2020)."""

from hashlib import sha256
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.backbones.backbone import Backbone, Tokens
from dias.backbones.weights import WeightsRecord
from dias.config import STRICT

_HALF = (0.5, 0.5, 0.5)  # of 0..1: mean and spread of -1..1


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PixelsConfig:
    """Settings of the pixels.

    Attributes:
        input_size: side in pixels that a picture is resized to (bicubic, antialiased); None takes it as it
            comes.
    """

    kind: Literal["pixels"] = "pixels"
    input_size: PositiveInt | None = 64

    def build(self) -> "Pixels":
        """Make the module; there is nothing to load."""
        return Pixels(self)


class Pixels(Backbone):
    """A token is one pixel: red, green and blue from -1 to 1."""

    def __init__(self, config: PixelsConfig) -> None:
        look = f"pixels {config.input_size}"
        super().__init__(
            config,
            weights=WeightsRecord(
                name="pixels", source="no weights", sha256=sha256(look.encode()).hexdigest()
            ),
            channels=3,
            patch=1,
            input_size=config.input_size,
            precision="fp32",
            mean=_HALF,
            std=_HALF,
        )
        self.config: PixelsConfig = config
        self.eval()

    @torch.no_grad()
    def forward(self, images: UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"]) -> Tokens:
        """Turn pictures into pixels, row by row.

        Args:
            images: uint8 from 0 to 255, or float from 0 to 1.
        """
        with torch.autocast(images.device.type, enabled=False):
            pixels = self.normalized(images)
        height, width = pixels.shape[-2:]
        return Tokens(features=pixels.flatten(2).mT.contiguous(), grid=(height, width))
