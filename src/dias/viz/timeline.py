"""Which slot lives when: a row a slot, time from left to right."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK, _LINE = (255, 255, 255), (32, 32, 32), (205, 205, 205)
_WIDTH = 960  # pixels of the time axis, or a little less
_ROW, _GAP, _MARGIN, _LEFT, _RIGHT, _BELOW = 34, 6, 12, 64, 100, 30
_PALE = 0.22  # of the colour, where a slot is there
_TICKS = 8


def timeline(
    there: Float[np.ndarray, "k c"],
    area: Float[np.ndarray, "k c"],
    *,
    times: Sequence[float],
    names: Sequence[str],
    notes: Sequence[str],
    palette: UInt8[np.ndarray, "k 3"],
    title: str = "",
) -> UInt8[np.ndarray, "H W 3"]:
    """Draw it: pale where a slot is there, and over that how much of the frame it has.

    Args:
        there: share of a column's frames in which a slot is there, 0 to 1.
        area: share of the frame that it has then, 0 to 1; a row's largest fills its height.
        times: seconds at which columns begin, and at which the last ends: c + 1.
        names: of the rows, at the left.
        notes: at the right of the rows.
        palette: colours of the rows.
        title: above.
    """
    rows, columns = there.shape
    wide = max(1, _WIDTH // columns)
    font, head = ImageFont.load_default(size=14), 30 if title else _MARGIN
    height = head + rows * (_ROW + _GAP) + _BELOW
    sheet = Image.new("RGB", (_LEFT + columns * wide + _RIGHT, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, 8), title, fill=_INK, font=font)
    canvas = np.array(sheet)
    for row in range(rows):
        top = head + row * (_ROW + _GAP)
        strip = _strip(there[row], area[row], palette[row])
        canvas[top : top + _ROW, _LEFT : _LEFT + columns * wide] = strip.repeat(wide, axis=1)
    sheet = Image.fromarray(canvas)
    pen = ImageDraw.Draw(sheet)
    for row, (name, note) in enumerate(zip(names, notes, strict=True)):
        top = head + row * (_ROW + _GAP)
        middle = top + _ROW // 2
        pen.rectangle((_MARGIN, middle - 7, _MARGIN + 13, middle + 6), fill=tuple(palette[row].tolist()))
        pen.text((_MARGIN + 22, middle), name, fill=_INK, font=font, anchor="lm")
        pen.text((_LEFT + columns * wide + 10, middle), note, fill=_INK, font=font, anchor="lm")
        pen.line((_LEFT, top + _ROW, _LEFT + columns * wide, top + _ROW), fill=_LINE)
    _axis(pen, times, wide=wide, top=height - _BELOW, font=font)
    return np.asarray(sheet)


def _strip(
    there: Float[np.ndarray, " c"], area: Float[np.ndarray, " c"], colour: UInt8[np.ndarray, "3"]
) -> UInt8[np.ndarray, "r c 3"]:
    """A row, one pixel a column: paper, pale as far as the slot is there, its colour from the bottom up."""
    most = float(area.max(initial=0))
    full = np.zeros(len(area)) if most == 0 else area / most * (_ROW - 1)
    level = np.arange(_ROW, 0, -1)[:, None]
    solid = (level <= np.ceil(full)) & (there > 0)
    blend = np.where(solid, 1.0, _PALE * there)[..., None]
    mixed: UInt8[np.ndarray, "r c 3"] = (blend * colour + (1 - blend) * np.array(_PAPER)).astype(np.uint8)
    return mixed


def _axis(
    pen: ImageDraw.ImageDraw,
    times: Sequence[float],
    *,
    wide: int,
    top: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    columns = len(times) - 1
    step = max(1, -(-columns // _TICKS))
    for column in range(0, columns + 1, step):
        x = _LEFT + column * wide
        pen.line((x, top, x, top + 4), fill=_INK)
        pen.text((x, top + 6), _clock(times[column], times[-1]), fill=_INK, font=font, anchor="ma")


def _clock(time: float, last: float) -> str:
    """As exactly as the last time of an axis asks for: 1.25 s, 12.5 s, 3:05, 1:02:03."""
    if last < 60:
        return f"{time:.2f} s" if last < 10 else f"{time:.1f} s"
    minutes, seconds = divmod(round(time), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if last >= 3600 else f"{minutes}:{seconds:02d}"
