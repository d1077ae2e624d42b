"""PNG files in a hurry: several times as fast as Pillow's quickest, a tenth larger (PNG, third edition)."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from isal import isal_zlib
from jaxtyping import UInt8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BLOCK = 1 << 20  # bytes filtered and compressed at a time, which then are still in the processor's cache
_RGB, _INDEXED = 2, 3
_PLAIN, _UP = 0, 2


def png(
    picture: UInt8[np.ndarray, "h w 3"] | UInt8[np.ndarray, "h w"],
    *,
    palette: UInt8[np.ndarray, "k 3"] | None = None,
) -> bytes:
    """Encode a picture without loss.

    Args:
        picture: RGB; or, with `palette`, for each pixel the row of its colour.
        palette: up to 256 colours; all 256 are written, black where there are fewer.
    """
    height, width = picture.shape[:2]
    kind = _RGB if palette is None else _INDEXED
    parts = [_SIGNATURE, _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    if palette is not None:
        parts.append(_chunk(b"PLTE", palette.tobytes().ljust(3 * 256, b"\0")))
    # Rows of a photo are like the row above; numbers of colours only repeat.
    rows = _rows(picture.reshape(height, -1), _UP if kind == _RGB else _PLAIN)
    squeeze = isal_zlib.compressobj(level=1)
    parts += [_chunk(b"IDAT", squeezed) for block in rows if (squeezed := squeeze.compress(block))]
    parts += [_chunk(b"IDAT", squeeze.flush()), _chunk(b"IEND", b"")]
    return b"".join(parts)


def _rows(lines: UInt8[np.ndarray, "h bytes"], kind: int) -> Iterator[UInt8[np.ndarray, "rows _"]]:
    """Blocks of rows, each with the number of its filter in front."""
    height, width = lines.shape
    step = max(1, _BLOCK // width)
    for start in range(0, height, step):
        block = lines[start : start + step]
        rows = np.empty((len(block), 1 + width), dtype=np.uint8)
        rows[:, 0] = kind
        if kind == _UP:
            above = lines[start - 1] if start else np.uint8(0)
            np.subtract(block[0], above, out=rows[0, 1:])
            np.subtract(block[1:], block[:-1], out=rows[1:, 1:])
        else:
            rows[:, 1:] = block
        yield rows


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
