"""What stands between a backbone and slot attention: an MLP, or convolutions over the grid."""

from collections.abc import Iterator
from itertools import pairwise
from math import isqrt
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from pydantic import Field, PositiveInt, Tag
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT, by_kind
from dias.errors import DiasError, SettingError
from dias.nn.mlp import mlp, zero_biases
from dias.nn.positions import SoftPosition, glorot

_KERNEL = 5


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MLPProjectionConfig:
    """Token by token, as wide as they are."""

    kind: Literal["mlp"] = "mlp"

    def build(self, *, channels: int, positions: int) -> "MLPProjection":
        """Make the module for tokens of `channels`, however many there are."""
        return MLPProjection(channels)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CNNProjectionConfig:
    """Convolutions over the grid of tokens (Locatello et al. 2020, appendix).

    Attributes:
        width: channels of each convolution, of the MLP after them, and of what comes out.
        strides: of one 5 x 5 convolution each; above 1, slots compete for fewer tokens than there are.
    """

    kind: Literal["cnn"] = "cnn"
    width: PositiveInt = 64
    strides: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 1, 1, 1)

    def build(self, *, channels: int, positions: int) -> "CNNProjection":
        """Make the module for a square grid of `positions` tokens.

        Raises:
            SettingError: `positions` is no square number.
        """
        if isqrt(positions) ** 2 != positions:
            raise SettingError(
                "model.positions", positions, "must be a square number: convolutions see a square"
            )
        return CNNProjection(self, channels=channels, side=isqrt(positions))


Projection = Annotated[
    Annotated[MLPProjectionConfig, Tag("mlp")] | Annotated[CNNProjectionConfig, Tag("cnn")], by_kind("mlp")
]


class MLPProjection(nn.Sequential):
    """LayerNorm, Linear, GELU, Linear (method, section 1).

    Attributes:
        channels_out: of what comes out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(nn.LayerNorm(channels), *mlp(channels, hidden=channels))
        zero_biases(self)
        self.channels_out = channels

    def maps(self, logits: Float[Tensor, "b n m"]) -> Float[Tensor, "b n m"]:
        """Maps over what comes out are maps over the tokens."""
        return logits


class CNNProjection(nn.Module):
    """Convolutions with ReLU, soft positions, LayerNorm, MLP.

    Attributes:
        channels_out: of what comes out.
    """

    def __init__(self, config: CNNProjectionConfig, *, channels: int, side: int) -> None:
        super().__init__()
        self.channels_out = width = config.width
        self._side = self._small = side
        for stride in config.strides:
            self._small = -(-self._small // stride)
        widths = pairwise([channels, *[width] * len(config.strides)])
        self.convolutions = nn.Sequential(
            *(
                part
                for (before, after), stride in zip(widths, config.strides, strict=True)
                for part in _convolution(before, after, stride=stride)
            )
        )
        self.position = SoftPosition(width, rows=self._small, columns=self._small)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        glorot(self)

    def forward(self, tokens: Float[Tensor, "b m c"]) -> Float[Tensor, "b k d"]:
        """Look at tokens that lie row by row in a square; k is m but for strides above 1.

        Raises:
            DiasError: there are more or fewer tokens than the model was made for.
        """
        if tokens.shape[1] != self._side**2:
            raise DiasError(
                f"features: {tokens.shape[1]} tokens, the convolutions know {self._side**2}; take the size "
                "that the model was trained with"
            )
        seen = self.convolutions(rearrange(tokens, "b (h w) c -> b c h w", h=self._side))
        placed = self.position(rearrange(seen, "b d h w -> b (h w) d"))
        found: Tensor = self.mlp(self.norm(placed))
        return found

    def maps(self, logits: Float[Tensor, "b n k"]) -> Float[Tensor, "b n m"]:
        """Maps over what comes out, made maps over the tokens: bilinear; a slot that is -inf stays it."""
        if self._small == self._side:
            return logits
        there = logits.isfinite()
        small = rearrange(logits.where(there, 0), "b n (h w) -> b n h w", h=self._small)
        large = F.interpolate(small, size=(self._side, self._side), mode="bilinear", align_corners=False)
        return large.flatten(2).masked_fill(~there.all(dim=2, keepdim=True), -torch.inf)


def _convolution(before: int, after: int, *, stride: int) -> Iterator[nn.Module]:
    yield nn.Conv2d(before, after, _KERNEL, stride=stride, padding=_KERNEL // 2)
    yield nn.ReLU()
