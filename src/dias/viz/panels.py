"""Pictures side by side under titles, and sheets of several such rows."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK = (255, 255, 255), (32, 32, 32)
_GAP = 6  # pixels between pictures


def panels(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    *,
    titles: Sequence[str] = (),
    height: int = 256,
) -> UInt8[np.ndarray, "H W 3"]:
    """One row: each picture scaled to `height` pixels, keeping its shape, with its title above it."""
    shaped = [_to_height(picture, height) for picture in pictures]
    return _sheet([shaped], titles=titles, row_titles=())


def contact_sheet(
    rows: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"]]],
    *,
    titles: Sequence[str] = (),
    row_titles: Sequence[str] = (),
    size: int = 192,
) -> UInt8[np.ndarray, "H W 3"]:
    """Rows of pictures in columns; a picture keeps its shape, its longer side is `size` pixels.

    Args:
        rows: pictures, row by row; rows may differ in length.
        titles: one a column, above the first row.
        row_titles: one a row, above its pictures.
        size: width of a column in pixels.
    """
    cells = [[_to_cell(picture, size) for picture in row] for row in rows]
    return _sheet(cells, titles=titles, row_titles=row_titles)


def _sheet(
    rows: Sequence[Sequence[Image.Image]], *, titles: Sequence[str], row_titles: Sequence[str]
) -> UInt8[np.ndarray, "H W 3"]:
    heights = [max((picture.height for picture in row), default=1) for row in rows]
    text = max(11, max(heights, default=1) // 16)  # pixels
    font = ImageFont.load_default(size=text)
    head = round(1.6 * text) if titles else 0
    above = round(1.6 * text) if row_titles else 0
    width = max((sum(picture.width + _GAP for picture in row) for row in rows), default=0) + _GAP
    sheet = Image.new("RGB", (width, head + sum(above + tall + _GAP for tall in heights) + _GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    y = head + _GAP
    for number, row in enumerate(rows):
        x = _GAP
        if number < len(row_titles):
            pen.text((x, y), _fitted(row_titles[number], width - 2 * _GAP, font), fill=_INK, font=font)
        for column, picture in enumerate(row):
            if number == 0 and column < len(titles):
                pen.text((x, _GAP // 2), _fitted(titles[column], picture.width, font), fill=_INK, font=font)
            sheet.paste(picture, (x, y + above))
            x += picture.width + _GAP
        y += above + heights[number] + _GAP
    return np.asarray(sheet)


def _fitted(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, or its beginning with an ellipsis, as `width` pixels allow."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _to_height(picture: UInt8[np.ndarray, "h w 3"], height: int) -> Image.Image:
    width = round(picture.shape[1] * height / picture.shape[0])
    width = min(max(width, height // 4), 4 * height)  # a panorama would leave its row
    return Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)


def _to_cell(picture: UInt8[np.ndarray, "h w 3"], size: int) -> Image.Image:
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    inside = (max(1, round(width * scale)), max(1, round(height * scale)))
    cell = Image.new("RGB", (size, inside[1]), _PAPER)
    cell.paste(
        Image.fromarray(picture).resize(inside, Image.Resampling.LANCZOS), ((size - inside[0]) // 2, 0)
    )
    return cell
