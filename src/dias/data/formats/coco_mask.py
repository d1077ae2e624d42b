"""A mask as COCO's JSON holds it: polygons, or run lengths (cocodataset.org/#format-data).

pycocotools draws the polygons, in C: a coordinate far outside makes it ask for any amount of memory, and run
lengths that end early make it return memory that nobody has written. So everything is checked before.
"""

import msgspec
import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco

_LEAST_NUMBERS = 6  # of a polygon: three corners
_FIRST_CHARACTER, _CHARACTERS = 48, 64  # of compressed run lengths
_MORE, _NEGATIVE, _BITS = 0x20, 0x10, 5
_LONGEST_CODE = 7  # characters that a number below 2^31 takes


class RunLengths(msgspec.Struct):
    """Lengths of runs of pixels outside and inside by turns, column by column; `counts` may be compressed."""

    size: tuple[int, int]
    counts: str | list[int]


Region = list[list[float]] | RunLengths


def decode(region: Region, *, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Draw a region.

    Args:
        region: polygons, each x, y, x, y, ... in pixels (their union is the region); or run lengths.
        size: height and width of the picture.

    Raises:
        ValueError: it cannot be a region of such a picture; says why.
    """
    if isinstance(region, RunLengths):
        return _from_runs(region, size)
    if not region:
        return np.zeros(size, dtype=np.bool_)
    for polygon in region:
        _check(polygon, size)
    drawn = coco.decode(coco.merge(coco.frPyObjects(region, *size)))
    return np.asarray(drawn, dtype=np.bool_)


def _check(polygon: list[float], size: tuple[int, int]) -> None:
    height, width = size
    if len(polygon) < _LEAST_NUMBERS or len(polygon) % 2:
        raise ValueError(f"a polygon of {len(polygon)} numbers, expected an even number from 6 on")
    corners = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    far = np.array([width, height])
    if not (np.isfinite(corners).all() and (corners >= -far).all() and (corners <= 2 * far).all()):
        raise ValueError(f"a polygon that leaves the picture ({width} x {height}) by more than its size")
    around = np.abs(np.diff(corners, axis=0, append=corners[:1])).sum()
    if around > 4 * height * width + 1_000:
        raise ValueError(f"a polygon {around:.0f} pixels around, in a picture of {height * width} pixels")


def _from_runs(region: RunLengths, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    if region.size != size:
        raise ValueError(f"run lengths of a picture {region.size}, this one is {size} (height, width)")
    height, width = size
    counts = _uncompressed(region.counts) if isinstance(region.counts, str) else region.counts
    if min(counts, default=0) < 0 or sum(counts) != height * width:
        raise ValueError(f"run lengths over {sum(counts)} pixels, the picture has {height * width}")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(width, height).T


def _uncompressed(text: str) -> list[int]:
    """Numbers of five bits a character, lowest first; from the fourth on, differences to the last but one."""
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        code = ord(character) - _FIRST_CHARACTER
        if not 0 <= code < _CHARACTERS or shift >= _BITS * _LONGEST_CODE:
            raise ValueError("run lengths that are not COCO's code")
        value |= (code & (_MORE - 1)) << shift
        shift += _BITS
        if code & _MORE:
            continue
        if code & _NEGATIVE:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("run lengths that are cut short")
    return counts
