"""Optical flow as a decoder explains it: colours of a wheel (SAVi, Kipf et al. 2022)."""

from math import hypot, pi

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_FULL = 50.0  # diagonals: a motion of 1/50 of the picture's diagonal a frame, or more, has a full colour


def flow_colours(flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Red, green and blue, 0 to 1: the hue says where to, the saturation how far, what stands still is white.

    As SAVi's code makes a target of flow: 50 times the motion as a share of the picture's diagonal, at most
    1, is the saturation; the value is 1. So pictures of any size have the same target, and no motion has a
    large error.

    Args:
        flow: pixels of this picture to the next frame, x to the right, y down.
    """
    x, y = flow.float().unbind(dim=1)
    hue = 3 * (torch.atan2(y, x) / pi + 1)  # sixths of a turn, from the direction to the left
    saturation = (torch.hypot(x, y) * (_FULL / hypot(*flow.shape[-2:]))).clamp(max=1)
    channels = []
    for centre in (0.0, 2.0, 4.0):  # red, green, blue
        away = ((hue - centre + 3) % 6 - 3).abs()
        channels.append(1 - saturation * (away - 1).clamp(0, 1))
    return torch.stack(channels, dim=1)


def flow_target(flow: Float[Tensor, "b 2 h w"], grid: tuple[int, int]) -> Float[Tensor, "b m 3"]:
    """The colours at a grid of tokens, by the nearest pixel: no two motions are mixed."""
    colours = flow_colours(flow)
    if colours.shape[-2:] != grid:
        colours = F.interpolate(colours, size=grid, mode="nearest-exact")
    return colours.flatten(2).mT.contiguous()
