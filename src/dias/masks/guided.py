"""Soft maps that follow the edges of their picture: a guided filter before the argmax."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from dias.masks.resize import strongest

# Chosen on data/scenes/val (docs/quality.md). The window is a share of the longer side: maps of a grid are as
# coarse in a large picture as in a small one.
WINDOW = 1 / 5
EPSILON = 1e-4
_SHARPNESS = 10.0  # of the maps that a further round starts from
_COEFFICIENTS = 56  # pixels on the longer side at which the filter's linear models are fitted


@torch.no_grad()
def guided_label_map(
    attention: Float[Tensor, "b n m"],
    pictures: UInt8[Tensor, "b 3 H W"],
    *,
    grid: tuple[int, int],
    kept: Bool[Tensor, "b n"] | None = None,
    window: float = WINDOW,
    epsilon: float = EPSILON,
    rounds: int = 1,
) -> Int64[Tensor, "b H W"]:
    """Strongest slot of each pixel, where each map is first made a local linear function of the colours.

    The guided filter of He et al. (2010) with a colour guide, in its fast form (He and Sun 2015: the linear
    models are fitted on a coarse picture, and applied to the fine one), from kornia.

    Args:
        attention: one map a slot; tokens row by row.
        pictures: RGB, 0 to 255, as large as the labels that are wanted.
        grid: rows and columns of tokens, m = rows x columns.
        kept: the slots that may win a pixel, at least one in each image; all if None.
        window: side of the square in which map and colours are related, as a share of the longer side.
        epsilon: variance of colours (0 to 1) below which a place counts as flat.
        rounds: how often; each further one starts from the maps of the last, made sharper by a softmax.

    Returns:
        Index of the winning slot, the lower one of two that are equal.
    """
    from kornia.filters import guided_blur  # takes a second, which most calls can do without

    size = pictures.shape[-2:]
    longest = max(size)
    maps = F.interpolate(
        attention.float().reshape(*attention.shape[:2], *grid),
        size=size,
        mode="bilinear",
        align_corners=False,
    )
    for number in range(rounds):
        if number:
            there = maps if kept is None else maps.masked_fill(~kept[..., None, None], -torch.inf)
            maps = (_SHARPNESS * there).softmax(dim=1)
        maps = guided_blur(
            pictures.float() / 255,
            maps,
            kernel_size=2 * round(window * longest / 2) + 1,
            eps=epsilon,
            border_type="replicate",  # a reflection needs a picture wider than the window
            subsample=max(1, longest // _COEFFICIENTS),
            separable=True,
        )
    return strongest(maps, kept)
