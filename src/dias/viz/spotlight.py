"""Where a slot looks: its picture, lit by its attention."""

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

_DARKEST = 0.12  # of a picture's light, where there is no attention


def spotlight(
    image: UInt8[np.ndarray, "h w 3"], attention: Float[np.ndarray, "rows columns"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Light a picture by a map on its token grid, from 0 (dark) to 1 (as it is)."""
    height, width = image.shape[:2]
    small = Image.fromarray(attention.astype(np.float32))
    light = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)[..., None]
    return np.asarray(image * (_DARKEST + (1 - _DARKEST) * light), dtype=np.uint8)


def lit_segments(
    image: UInt8[np.ndarray, "h w 3"], labels: Int[np.ndarray, "h w"], light: Float[np.ndarray, " n"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Light each segment of a picture by a number.

    Args:
        image: the picture.
        labels: segment of each pixel, from 0; -1 = none, which stays dark.
        light: of each segment, from 0 (dark) to 1 (as it is).
    """
    each = np.append(np.asarray(light, dtype=np.float32).clip(0, 1), np.float32(0))  # the last: of -1
    return np.asarray(image * (_DARKEST + (1 - _DARKEST) * each[labels][..., None]), dtype=np.uint8)
