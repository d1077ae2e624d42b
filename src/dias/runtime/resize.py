"""Pictures into the model's square, and maps over its tokens into labels; in NumPy."""

import numpy as np
from numpy.typing import NDArray

_LARGEST_MAP = 512  # pixels, as in `dias segment`: soft maps of 16 x 16 tokens hold nothing finer


def squeeze(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A picture (h, w, 3) as a square of `size` pixels a side: bilinear with antialiasing, as Pillow does it.

    Columns first, rounded, then rows. Numbers may differ from Pillow's by 1: it computes in fixed point.
    """
    height, width = image.shape[:2]
    wide = image
    if width != size:
        wide = _rounded(np.einsum("ow,hwc->hoc", _antialiased(width, size), image, optimize=True))
    if height != size:
        wide = _rounded(np.einsum("oh,hwc->owc", _antialiased(height, size), wide, optimize=True))
    return np.ascontiguousarray(wide)


def label_map(
    attention: NDArray[np.float32], *, grid: tuple[int, int], size: tuple[int, int], kept: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Strongest slot of each pixel (h, w): maps resized bilinearly, argmax over kept slots.

    As `dias.masks.resize.label_map`; beyond 512 pixels labels are stretched without smoothing.

    Args:
        attention: one map a slot (n, m); tokens row by row.
        grid: rows and columns of tokens.
        size: height and width wanted, in pixels.
        kept: the slots (n) that may win a pixel.
    """
    scale = min(1.0, _LARGEST_MAP / max(size))
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    rows, columns = _bilinear(grid[0], small[0]), _bilinear(grid[1], small[1])
    numbers = np.flatnonzero(kept)
    maps = attention[numbers].reshape(len(numbers), *grid).astype(np.float32)
    winners = np.argmax(rows @ maps @ columns.T, axis=0)
    labels: NDArray[np.int32] = numbers.astype(np.int32)[winners]
    if small != size:
        labels = labels.take(np.arange(size[1]) * small[1] // size[1], axis=1)
        labels = labels.take(np.arange(size[0]) * small[0] // size[0], axis=0)
    return labels


def _bilinear(places: int, pixels: int) -> NDArray[np.float32]:
    """Weights (pixels, places) of bilinear resizing without antialiasing, half-pixel centres."""
    at = np.maximum((np.arange(pixels) + 0.5) * (places / pixels) - 0.5, 0.0)
    low = np.minimum(at.astype(np.int64), places - 1)
    high = np.minimum(low + 1, places - 1)
    weights = np.zeros((pixels, places), dtype=np.float32)
    share = (at - low).astype(np.float32)
    np.add.at(weights, (np.arange(pixels), low), 1 - share)
    np.add.at(weights, (np.arange(pixels), high), share)
    return weights


def _antialiased(pixels: int, size: int) -> NDArray[np.float64]:
    """Weights (size, pixels) of Pillow's bilinear filter: a triangle as wide as a new pixel at least."""
    scale = pixels / size
    reach = max(scale, 1.0)
    centres = (np.arange(size) + 0.5) * scale
    distance = (np.arange(pixels)[None] + 0.5 - centres[:, None]) / reach
    first = np.maximum((centres - reach + 0.5).astype(np.int64), 0)
    after = np.minimum((centres + reach + 0.5).astype(np.int64), pixels)
    inside = (np.arange(pixels) >= first[:, None]) & (np.arange(pixels) < after[:, None])
    weights = np.where(inside, np.maximum(1 - np.abs(distance), 0), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
