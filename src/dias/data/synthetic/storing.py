"""Pictures, labels and distances as files."""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import Image

from dias.files import write_atomic

Format = Literal["png", "webp", "jpg"]
_MILLIMETRES = 1000


def store_picture(stem: Path, image: UInt8[np.ndarray, "h w 3"], *, format: Format, quality: int) -> None:
    """Write colours to `stem` with the format's ending; `quality` is of webp and jpg."""
    picture, file = Image.fromarray(image), stem.with_name(f"{stem.name}.{format}")
    match format:
        case "png":
            write_atomic(file, lambda f: picture.save(f, "PNG"))
        case "webp":
            write_atomic(file, lambda f: picture.save(f, "WEBP", quality=quality, method=6))
        case "jpg":
            write_atomic(file, lambda f: picture.save(f, "JPEG", quality=quality, optimize=True))


def store_labels(file: Path, mask: UInt8[np.ndarray, "h w"]) -> None:
    """Write segment numbers as 8-bit PNG."""
    write_atomic(file, lambda f: Image.fromarray(mask).save(f, "PNG", optimize=True))


def store_depth(file: Path, metres: Float[np.ndarray, "h w"]) -> None:
    """Write distances as 16-bit PNG, in millimetres."""
    store_numbers(file, np.clip(metres * _MILLIMETRES, 0, 65535).round().astype(np.uint16))


def store_numbers(file: Path, numbers: UInt16[np.ndarray, "h w"]) -> None:
    """Write 16-bit numbers as PNG."""
    write_atomic(file, lambda f: Image.fromarray(numbers).save(f, "PNG"))
