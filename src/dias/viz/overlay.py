"""Segments drawn over their picture."""

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image

from dias.viz.palette import colours

_LINE_SHARE = 1 / 400  # of the shorter side: a line that is seen at any size of picture
_UNSEEN = 90  # of 255: how much of a picture's light stays where no label was given


def overlay(
    image: UInt8[np.ndarray, "h w 3"],
    labels: Int[np.ndarray, "h w"],
    *,
    palette: UInt8[np.ndarray, "k 3"] | None = None,
    opacity: float = 0.45,
    line: int | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Fill each segment with its colour, and draw a solid line on its side of every boundary.

    Args:
        image: the picture.
        labels: segment of each pixel, from 0; -1 = none, the picture is shown darker there.
        palette: colour of each label; `colours` when None.
        opacity: of the fill, 0 to 1.
        line: width of the line in pixels on either side; 1/400 of the shorter side when None, 0 = no line.
    """
    paint = np.take(_table(labels, palette), labels, axis=0, mode="wrap")
    drawn = np.array(Image.blend(Image.fromarray(image), Image.fromarray(paint), opacity))
    seen = labels >= 0
    if not seen.all():
        drawn[~seen] = image[~seen].astype(np.uint16) * _UNSEEN >> 8
    width = max(1, round(min(labels.shape) * _LINE_SHARE)) if line is None else line
    edge = boundaries(labels, width=width) & seen
    drawn[edge] = paint[edge]
    return drawn


def boundaries(labels: Int[np.ndarray, "h w"], *, width: int = 1) -> Bool[np.ndarray, "h w"]:
    """Pixels within `width` steps, along a row or a column, of a pixel with another label."""
    edge = np.zeros(labels.shape, dtype=np.bool_)
    for step in range(1, width + 1):
        down = labels[step:] != labels[:-step]
        right = labels[:, step:] != labels[:, :-step]
        edge[step:] |= down
        edge[:-step] |= down
        edge[:, step:] |= right
        edge[:, :-step] |= right
    return edge


def _table(
    labels: Int[np.ndarray, "h w"], palette: UInt8[np.ndarray, "k 3"] | None
) -> UInt8[np.ndarray, "rows 3"]:
    """Colours to look labels up in; -1 finds the last row, black."""
    if palette is None:
        palette = colours(int(labels.max(initial=-1)) + 1)
    return np.concatenate([palette, np.zeros((1, 3), dtype=np.uint8)])
