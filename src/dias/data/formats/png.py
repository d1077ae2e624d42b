"""PNGs inside other files, of a known kind and size."""

import io
import struct
import zlib
from typing import Literal

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

# Eight bits of red, green and blue; eight bits of one number; sixteen bits of one number.
Mode = Literal["RGB", "L", "I;16"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def decode_png(
    data: bytes, *, mode: Mode, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"] | UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]:
    """Decode a PNG that must have this mode (Pillow's name of it), height and width.

    The sums of its chunks are compared too, which Pillow leaves out: a flipped bit gives no other picture.

    Raises:
        ValueError: it has not, or is damaged; says what was found.
    """
    _check(data)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            found = (image.height, image.width)
            if found != size or image.mode != mode:  # before anything of that size is decoded
                raise ValueError(
                    f"is {found} (height, width) of mode {image.mode!r}, expected {size} of {mode!r}"
                )
            return np.array(image)
    except ValueError:
        raise
    except Exception as error:  # decoders raise what they like: OSError, SyntaxError, struct.error, ...
        raise ValueError(f"is no whole PNG ({error or type(error).__name__})") from None


def _check(data: bytes) -> None:
    """Compare the sum of each chunk: its length, its type, the data, CRC-32 of the last two."""
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", data[at : at + 8].ljust(8, b"\0"))
        after = at + 8 + length
        if data[: len(_SIGNATURE)] != _SIGNATURE or after + 4 > len(data):
            raise ValueError("is no whole PNG")
        if zlib.crc32(data[at + 4 : after]) != int.from_bytes(data[after : after + 4]):
            raise ValueError(f"is damaged: the sum of a PNG chunk {kind!r} is wrong")
        at = after + 4
