"""How a tokenizer looks at pictures, and how far a decoded picture is from one."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor

from dias.errors import SettingError
from dias.nn.chance import uniform

PIXELS = 8  # the side of the square that a code stands for, in pixels of what the tokenizer sees
_IMAGENET_STD = (0.229, 0.224, 0.225)


def grid_side(positions: int) -> int:
    """Rows, and columns, of a square grid of so many tokens.

    Raises:
        SettingError: their number is no square.
    """
    side = math.isqrt(positions)
    if side * side != positions:
        raise SettingError("model.positions", positions, "is no square; a tokenizer's grid is one")
    return side


def pixels(
    images: UInt8[Tensor, "b 3 h w"] | Float[Tensor, "b 3 h w"], *, side: int
) -> Float[Tensor, "b 3 s s"]:
    """Pictures (uint8 from 0 to 255, or float from 0 to 1) as squares of `side`, from 0 to 1 (bicubic)."""
    seen = images if images.is_floating_point() else images.float() / 255
    if seen.shape[-2:] == (side, side):
        return seen
    return F.interpolate(seen, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1)


def random_pictures(count: int, *, side: int, device: torch.device) -> Float[Tensor, "b 3 s s"]:
    """Pictures of colour noise, equally strong at every scale from the whole to a code's; from 0 to 1."""
    scales = [2**power for power in range(1 + max(int(math.log2(side / PIXELS)), 0))]
    total = torch.zeros(count, 3, side, side, device=device)
    for patches in scales:
        noise = uniform(count, 3, patches, patches, chance=None, device=device) - 0.5
        total += F.interpolate(noise, size=(side, side), mode="bilinear")
    return (0.5 + 0.6 * total).clamp(0, 1)


def picture_error(decoded: Float[Tensor, "b 3 s s"], seen: Float[Tensor, "b 3 s s"]) -> Float[Tensor, ""]:
    """Mean squared error, each colour in units of its standard deviation over ImageNet.

    These are the units of VVO's normalised pictures, so that its weights between pictures and codes hold.
    """
    unit = seen.new_tensor(_IMAGENET_STD)[:, None, None]
    return ((decoded.to(seen.dtype) - seen) / unit).square().mean()


def to_tokens(grid: Float[Tensor, "b c s s"]) -> Float[Tensor, "b m c"]:
    """Row by row."""
    return rearrange(grid, "b c h w -> b (h w) c")


def to_grid(tokens: Float[Tensor, "b m c"]) -> Float[Tensor, "b c s s"]:
    """Back into a square."""
    return rearrange(tokens, "b (h w) c -> b c h w", h=grid_side(tokens.shape[1]))
