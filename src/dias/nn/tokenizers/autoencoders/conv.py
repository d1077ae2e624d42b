"""A small convolutional autoencoder of our own, cheap enough for a CPU; trained from scratch.

As SLATE's (Singh et al. 2022), it goes down by strides of the kernel's own size and up by pixel shuffles, so
that nearly all computation is at the grid's own resolution.
"""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.tokenizers.autoencoders.head import head


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ConvConfig:
    """Settings of the convolutional autoencoder.

    Attributes:
        width: channels inside.
        blocks: residual blocks at the grid's resolution, in the encoder and in the decoder.
        fine_blocks: residual blocks at twice that resolution; most of the cost.
    """

    kind: Literal["conv"] = "conv"
    width: PositiveInt = 128
    blocks: PositiveInt = 2
    fine_blocks: NonNegativeInt = 1

    def encoder(self, *, out: int, spread: float = 1.0) -> nn.Module:
        """Pictures from 0 to 1, (b, 3, 8 s, 8 s), into a grid (b, out, s, s) of std `spread` at the start."""
        return nn.Sequential(
            Centred(),
            nn.Conv2d(3, self.width, 4, stride=4),
            *[ResidualBlock(self.width) for _ in range(self.fine_blocks)],
            nn.Conv2d(self.width, self.width, 2, stride=2),
            *[ResidualBlock(self.width) for _ in range(self.blocks)],
            head(self.width, out=out, spread=spread),
        )

    def decoder(self, *, into: int) -> nn.Module:
        """A grid (b, into, s, s) into pictures (b, 3, 8 s, 8 s), about 0 to 1 and not clamped."""
        last = nn.Conv2d(self.width, 3 * 4 * 4, 3, padding=1)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 0.5)  # grey: nothing has to be unlearned first
        return nn.Sequential(
            nn.Conv2d(into, self.width, 1),
            *[ResidualBlock(self.width) for _ in range(self.blocks)],
            nn.Conv2d(self.width, 4 * self.width, 1),
            nn.PixelShuffle(2),
            *[ResidualBlock(self.width) for _ in range(self.fine_blocks)],
            nn.GroupNorm(1, self.width),
            nn.SiLU(),
            last,
            nn.PixelShuffle(4),
        )


class Centred(nn.Module):
    """Colours from 0 to 1 about zero, with a variance of about 1."""

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Shift and scale."""
        return (pictures - 0.5) * 4


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions behind their norms, added to what they saw."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.GroupNorm(1, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(1, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """One block."""
        return torch.add(x, self.change(x))
