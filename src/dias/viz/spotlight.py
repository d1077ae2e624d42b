"""Where a slot looks: its picture, lit by its attention."""

import numpy as np
from jaxtyping import Float, UInt8
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
