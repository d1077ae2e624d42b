"""Spatial broadcast to pixels: each slot paints a picture, alpha mixes them (Locatello et al. 2020)."""

from dataclasses import dataclass as plain_dataclass
from math import isqrt
from typing import Literal

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import SettingError
from dias.nn.chance import Chance
from dias.nn.decoders.decoder import DecoderPart
from dias.nn.decoders.from_slots import Codebook, Explained
from dias.nn.decoders.output import Decoded, Target, squared_error
from dias.nn.positions import SoftPosition, glorot


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PixelBroadcastConfig:
    """Settings of the decoder (Locatello et al. 2020, appendix).

    Attributes:
        start: side of the grid that a slot is broadcast to; doubled until it is the picture's.
        width: channels of each convolution.
    """

    kind: Literal["pixel_broadcast"] = "pixel_broadcast"
    start: PositiveInt = 8
    width: PositiveInt = 64

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "PixelBroadcastDecoder":
        """Make the module for a square of `positions` tokens of `token_dim` channels, usually pixels.

        Raises:
            SettingError: the square's side is not `start` doubled any number of times.
        """
        side = isqrt(positions)
        doublings = (side // self.start).bit_length() - 1
        if side**2 != positions or side != self.start << max(doublings, 0):
            raise SettingError(
                "model.positions",
                positions,
                f"must be a square of side {self.start}, {2 * self.start}, {4 * self.start}, ... "
                "(model.decoder.start, doubled)",
            )
        return PixelBroadcastDecoder(self, slot_dim=slot_dim, token_dim=token_dim, doublings=doublings)


@plain_dataclass(frozen=True, kw_only=True)
class Components:
    """What each slot paints, and its share of each pixel (sums to 1 over n; 0 where a slot is not kept)."""

    tokens: Float[Tensor, "b n m c"]
    alpha: Float[Tensor, "b n m"]

    def mixed(self) -> Float[Tensor, "b m c"]:
        """The picture."""
        return (self.tokens * self.alpha[..., None]).sum(dim=1)


class PixelBroadcastDecoder(DecoderPart):
    """Slot, broadcast, + soft positions, through transposed convolutions to a picture and its alpha."""

    def __init__(
        self, config: PixelBroadcastConfig, *, slot_dim: int, token_dim: int, doublings: int
    ) -> None:
        super().__init__()
        self.start = config.start
        self.position = SoftPosition(slot_dim, rows=config.start, columns=config.start)
        parts: list[nn.Module] = []
        before = slot_dim
        for _ in range(doublings):
            larger = nn.ConvTranspose2d(before, config.width, 5, stride=2, padding=2, output_padding=1)
            parts += [larger, nn.ReLU()]
            before = config.width
        # Of stride 1 a transposed convolution is a convolution, which is the faster of the two.
        parts += [nn.Conv2d(before, config.width, 5, padding=2), nn.ReLU()]
        self.convolutions = nn.Sequential(*parts, nn.Conv2d(config.width, token_dim + 1, 3, padding=1))
        glorot(self)

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
    ) -> Decoded:
        """Reconstruct pixels from slots alone; nothing is random."""
        found = self.components(slots, kept)
        mixed = found.mixed()
        return Decoded(reconstruction=mixed, attention=found.alpha, error=squared_error(mixed, target.tokens))

    def from_slots(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        codebook: Codebook | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """The reconstruction, which needs no target (`DecodesSlots`); nothing is random."""
        return self.components(slots, kept).mixed()

    def alone(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Explained:
        """The picture and its alpha, which need no target (`ExplainsAlone`)."""
        found = self.components(slots, kept)
        return Explained(tokens=found.mixed(), attention=found.alpha)

    def components(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Components:
        """What each slot paints before it is mixed; float32."""
        cells = repeat(slots, "b n d -> (b n) m d", m=self.start**2)
        grid = rearrange(self.position(cells), "bn (h w) d -> bn d h w", h=self.start)
        painted = rearrange(self.convolutions(grid).float(), "(b n) c h w -> b n (h w) c", b=len(slots))
        alpha = painted[..., -1].masked_fill(~kept[..., None], -torch.inf).softmax(dim=1)
        return Components(tokens=painted[..., :-1], alpha=alpha)
