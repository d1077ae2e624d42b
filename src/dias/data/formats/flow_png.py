"""Optical flow as a 16-bit PNG: the plane of x above that of y, in steps of 1/64 pixel."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt16

from dias.data.images import read_mask

_STEPS, _ZERO = 64, 32_768  # a pixel; 0 in the file says that the flow is not known


def flow_to_numbers(flow: Float[np.ndarray, "h w 2"]) -> UInt16[np.ndarray, "g w"]:
    """The picture's numbers, twice as high as the flow; what is NaN, or 512 pixels or more, is not known."""
    numbers = np.round(flow * _STEPS) + _ZERO
    known = (np.isfinite(numbers) & (numbers > 0) & (numbers < 2 * _ZERO)).all(axis=-1, keepdims=True)
    stored = np.where(known, numbers, 0).astype(np.uint16)
    return np.concatenate([stored[..., 0], stored[..., 1]])


def read_flow(file: Path, *, size: tuple[int, int]) -> Float32[np.ndarray, "h w 2"]:
    """Flow of a picture of `size` (height and width), NaN where it is not known.

    Raises:
        SampleError: the file cannot be read, is no picture of numbers, or not twice as high as `size`.
    """
    numbers = read_mask(file, size=(2 * size[0], size[1]))
    stored = np.stack([numbers[: size[0]], numbers[size[0] :]], axis=-1)
    unknown = (stored == 0).any(axis=-1, keepdims=True)
    return np.where(unknown, np.nan, (stored - _ZERO) / _STEPS).astype(np.float32)
