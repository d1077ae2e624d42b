"""Uploads into pictures: what cannot be one is refused with a status and one line."""

import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias.data.images import FORMATS, read_image
from dias.errors import SampleError


class Refused(Exception):
    """A request that cannot be answered.

    Attributes:
        status: of HTTP.
        line: why, and what to do.
    """

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


def read_upload(content: bytes, *, number: int, pixels: int) -> UInt8[np.ndarray, "h w 3"]:
    """A picture out of a file's bytes; its size is looked at before anything is decoded.

    Args:
        content: of the file.
        number: of the picture in its request, from 0, for the error.
        pixels: it may have.

    Raises:
        Refused: it is too large (413), or cannot be read (400).
    """
    name = Path(f"picture {number}")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as header:
            width, height = header.size
    except Exception:  # decoders raise what they like; `read_image` says what is wrong
        width = height = 0
    if width * height > pixels:
        raise Refused(413, f"{name}: is {width} x {height} pixels; at most {pixels:,} are taken")
    try:
        return read_image(name, content=content)
    except SampleError as error:
        raise Refused(400, " ".join(str(error).split())) from None
