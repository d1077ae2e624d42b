"""Decodes the JPEG files that nearly all are, to Pillow's pixels in three quarters of its time."""

import io
from pathlib import Path
from stat import S_ISREG

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import ExifTags, Image

_START = b"\xff\xd8\xff"
_MOST_BYTES = 64 * 2**20
_MOST_PIXELS = 50_000_000


def usual_jpeg(
    file: Path, content: bytes | None = None, *, upright: bool = True
) -> UInt8[np.ndarray, "h w 3"] | None:
    """Read a JPEG file of 8-bit YCbCr that lies upright and whole; None for all else, faults included.

    What is not usual is for Pillow, which knows every kind and says what is wrong. Both use libjpeg-turbo
    with the same transform and the same interpolation of colours, hence the same pixels; Pillow copies them
    three times on their way to an array. Decoding at 5/8 or 1/2 of the size, which libjpeg can, gains nothing
    at the quality of COCO's photos: most of the time goes into the entropy code (benchmarks/decoding.py).

    Args:
        file: the picture.
        content: the file's bytes, if they do not lie at `file`.
        upright: leave a file that is to be turned to Pillow; else it is read as it is stored.
    """
    try:
        data = _bytes(file) if content is None else content
        return simplejpeg.decode_jpeg(data) if data is not None and _usual(data, upright) else None
    except Exception:  # as of any decoder of damaged bytes: Pillow says it in words, or can do better
        return None


def _bytes(file: Path) -> bytes | None:
    status = file.stat()
    if not S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:  # a pipe can be read once only
        return None
    with file.open("rb", buffering=0) as stream:
        start = stream.read(len(_START))
        return start + stream.readall() if start == _START else None


def _usual(data: bytes, upright: bool) -> bool:
    if not data.startswith(_START):
        return False
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    if colours != "YCbCr" or min(height, width) < 2 or height * width > _MOST_PIXELS:
        return False
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:  # reads the header only
        turned = upright and image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return image.format == "JPEG" and image.mode == "RGB" and not turned
