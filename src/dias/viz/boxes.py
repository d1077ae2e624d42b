"""Boxes with names drawn over their picture."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

_LINE_SHARE, _TEXT_SHARE = 1 / 150, 1 / 20  # of the shorter side


def named_boxes(
    image: UInt8[np.ndarray, "h w 3"],
    boxes: Float[np.ndarray, "k 4"],
    names: Sequence[str],
    *,
    palette: UInt8[np.ndarray, "k 3"],
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a frame an object, and its name in the upper left corner, on the frame's colour.

    Args:
        image: the picture.
        boxes: x0, y0, x1, y1 in pixels; what lies outside the picture is not drawn.
        names: one a box.
        palette: colour of each.
    """
    drawn = Image.fromarray(image)
    pen = ImageDraw.Draw(drawn)
    short = min(image.shape[:2])
    font = ImageFont.load_default(size=max(10, round(short * _TEXT_SHARE)))
    line = max(1, round(short * _LINE_SHARE))
    for box, name, colour in zip(boxes.tolist(), names, palette.tolist(), strict=True):
        x0, x1 = sorted((box[0], box[2]))
        y0, y1 = sorted((box[1], box[3]))
        paint = tuple(colour)
        pen.rectangle((x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)), outline=paint, width=line)
        left, top, right, bottom = pen.textbbox((0, 0), name, font=font)
        across, down = image.shape[1] - right - line, image.shape[0] - bottom - line
        corner = (max(min(x0, across), 0), max(min(y0, down), 0))
        left, top, right, bottom = pen.textbbox(corner, name, font=font)
        pen.rectangle((left - line, top - line, right + line, bottom + line), fill=paint)
        pen.text(corner, name, fill=_ink(colour), font=font)
    return np.asarray(drawn)


def _ink(colour: Sequence[int]) -> tuple[int, int, int]:
    """Black on light colours, white on dark ones (Rec. 601's luma)."""
    light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140
    return (0, 0, 0) if light else (255, 255, 255)
