"""Heat maps of soft attention over the picture it looks at."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

# Stops of matplotlib's "inferno": black, purple, red, orange, pale yellow; even in lightness.
_STOPS = np.array(
    [(0, 0, 4), (51, 10, 95), (120, 28, 109), (187, 55, 84), (237, 105, 37), (252, 180, 26), (252, 255, 164)]
)


def heat_colours(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Colours of values from 0 (black) to 1 (pale yellow); others are clipped."""
    place = np.clip(values, 0, 1) * (len(_STOPS) - 1)
    stops = np.arange(len(_STOPS))
    channels = [np.interp(place, stops, _STOPS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def heat_map(
    image: UInt8[np.ndarray, "h w 3"], attention: Float[np.ndarray, "rows columns"], *, opacity: float = 0.7
) -> UInt8[np.ndarray, "h w 3"]:
    """One slot's attention (0 to 1) over the picture, which shows through in grey.

    Args:
        image: the picture.
        attention: share of each token that the slot takes; stretched over the picture, bilinear.
        opacity: of the colours, 0 to 1.
    """
    height, width = image.shape[:2]
    stretched = Image.fromarray(attention.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    grey = np.asarray(Image.fromarray(image).convert("L"), dtype=np.float32)[..., None]
    mixed = opacity * heat_colours(np.asarray(stretched)) + (1 - opacity) * grey
    return mixed.round().astype(np.uint8)


def slot_heat_maps(
    image: UInt8[np.ndarray, "h w 3"],
    attention: Float[np.ndarray, "n m"],
    *,
    grid: tuple[int, int],
    kept: Bool[np.ndarray, " n"] | None = None,
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """A heat map of every kept slot, in the order of the slots; `grid` is (rows, columns) of the m tokens."""
    maps = attention.reshape(len(attention), *grid)
    chosen = range(len(maps)) if kept is None else np.flatnonzero(kept)
    return [heat_map(image, maps[index]) for index in chosen]
