"""Colours of segments: the same number always has the same colour."""

import colorsys

import numpy as np
from jaxtyping import UInt8

# The first seven are Okabe and Ito's (jfly.uni-koeln.de/color); the others were chosen one by one to be
# far, in Oklab, from all before them, seen normally, with protanopia and with deuteranopia, and neither dark
# nor pale.
_CHOSEN = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (213, 94, 0),
    (86, 180, 233),
    (240, 228, 66),
    (102, 0, 255),
    (170, 0, 102),
    (0, 238, 187),
    (136, 119, 255),
    (136, 85, 34),
    (136, 187, 136),
    (255, 187, 255),
    (204, 0, 170),
    (255, 68, 102),
)
BACKGROUND = (64, 64, 64)
_GOLDEN = 0.618033988749895


def colours(count: int) -> UInt8[np.ndarray, "k 3"]:
    """RGB of slots 0, 1, ..., `count` - 1; a longer list starts with the shorter one."""
    more = [_further(index) for index in range(len(_CHOSEN), count)]
    return np.array([*_CHOSEN[:count], *more], dtype=np.uint8).reshape(-1, 3)


def ground_truth_colours(count: int) -> UInt8[np.ndarray, "k 3"]:
    """RGB of labels 0, 1, ..., `count` - 1 of a ground truth: the background, 0, is dark grey."""
    objects = colours(max(count - 1, 0))
    return np.concatenate([np.array([BACKGROUND], dtype=np.uint8), objects])[:count]


def _further(index: int) -> tuple[int, int, int]:
    """Golden steps around the hue circle never come back to a colour; lightness alternates."""
    red, green, blue = colorsys.hls_to_rgb(index * _GOLDEN % 1, (0.42, 0.55, 0.68)[index % 3], 0.75)
    return round(255 * red), round(255 * green), round(255 * blue)
