"""One sample as bytes, and back: equal in every field, unless the picture was to be made smaller."""

import io
import math
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from jaxtyping import Bool, Int, Shaped
from PIL import Image

from dias.data.images import read_image, read_mask
from dias.data.packing.tar import packed, unpacked
from dias.data.samples import ImageSample
from dias.errors import SampleError

_MARKS = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"RIFF": "webp"}  # first bytes: ending
_LARGEST_WEBP = 16_383  # pixels a side
_LARGEST_PNG = 65_535  # number in a mask

Type = Literal[
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"
]


@dataclass(frozen=True, kw_only=True)
class Smaller:
    """Store pictures whose short side is longer than `side` reduced to it, as JPEG of this quality."""

    side: int
    quality: int


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A small array: little-endian numbers, in base 64 in the file."""

    dtype: Type
    shape: tuple[Annotated[int, msgspec.Meta(ge=0)], ...]
    data: bytes


class _Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the JSON member says: the small fields, and the number types of the large ones."""

    name: str
    mask: Type | None = None
    ignore: bool = False
    boxes: _Row | None = None
    classes: _Row | None = None
    tracks: _Row | None = None
    depth: Type | None = None


def encoded(
    sample: ImageSample, *, index: int, original: bytes | None = None, smaller: Smaller | None = None
) -> bytes:
    """A sample as members of a tar file, all named after its place in the data set.

    The picture is kept as the bytes it was read from where they give the very same pixels, else as lossless
    WebP; masks and ignored pixels are PNG, depth is deflated, everything small lies in a JSON file.

    Args:
        sample: what is stored.
        index: its place in the data set.
        original: the picture's file, if there is one.
        smaller: how to store large pictures at a loss. Masks follow by the nearest pixel.
    """
    image = None
    if smaller is not None and min(sample.image.shape[:2]) > smaller.side:
        sample = _shrunk(sample, smaller.side)
        image = _saved(sample.image, "JPEG", quality=smaller.quality)
    facts = _Facts(
        name=sample.name,
        mask=_type(sample.mask),
        ignore=sample.ignore is not None,
        boxes=_row(sample.boxes),
        classes=_row(sample.classes),
        tracks=_row(sample.tracks),
        depth=_type(sample.depth),
    )
    image = image or _lossless(sample, original)
    files = {"json": msgspec.json.encode(facts), f"image.{_ending(image)}": image}
    if sample.mask is not None:
        files |= _mask(sample.mask)
    if sample.ignore is not None:
        files["ignore.png"] = _saved(sample.ignore, "PNG")
    if sample.depth is not None:
        files["depth.zlib"] = zlib.compress(_little(sample.depth))
    return packed({f"{index:09d}.{part}": content for part, content in files.items()})


def decoded(record: bytes, *, where: str) -> ImageSample:
    """The sample in a record.

    Args:
        record: what `encoded` gave.
        where: the shard, for errors.

    Raises:
        SampleError: the record is damaged.
    """
    try:
        files = _parts(record)
        facts = msgspec.json.decode(files["json"], type=_Facts)
        image = read_image(Path(where), content=picture_in(files))
        size = image.shape[0], image.shape[1]
        return ImageSample(
            image=image,
            name=facts.name,
            mask=None if facts.mask is None else _read_mask(files, facts.mask, size, where=where),
            ignore=_read_ignore(files, size, where=where) if facts.ignore else None,
            boxes=_read_row(facts.boxes, columns=4),
            classes=_read_row(facts.classes),
            tracks=_read_row(facts.tracks),
            depth=None if facts.depth is None else _inflated(files["depth.zlib"], facts.depth, size),
        )
    except KeyError as error:
        raise SampleError(where, f"a sample lacks its part {error}", do="copy the shard again") from None
    except (ValueError, zlib.error, msgspec.MsgspecError) as error:
        raise SampleError(where, f"a sample is damaged ({error})", do="copy the shard again") from None


def picture(record: bytes, *, where: str) -> bytes:
    """The picture's file in a record.

    Raises:
        SampleError: the record is damaged.
    """
    try:
        return picture_in(_parts(record))
    except (KeyError, ValueError) as error:
        raise SampleError(where, f"a sample is damaged ({error})", do="copy the shard again") from None


def picture_in(files: dict[str, bytes]) -> bytes:
    """The one whose part is `image`, whatever its ending."""
    for part, content in files.items():
        if part.startswith("image."):
            return content
    raise KeyError("image")


def _parts(record: bytes) -> dict[str, bytes]:
    return {name.partition(".")[2]: content for name, content in unpacked(record).items()}


def _lossless(sample: ImageSample, original: bytes | None) -> bytes:
    if original is not None:
        again = read_image(Path(sample.name), content=original)
        if again.shape == sample.image.shape and bool((again == sample.image).all()):
            return original
    if max(sample.image.shape) > _LARGEST_WEBP:
        return _saved(sample.image, "PNG")
    # the least effort: smaller than PNG's best, and the quickest to write and to read
    return _saved(sample.image, "WEBP", lossless=True, method=0, quality=20)


def _ending(image: bytes) -> str:
    return next((ending for mark, ending in _MARKS.items() if image.startswith(mark)), "other")


def _saved(pixels: Shaped[np.ndarray, "..."], kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, kind, **options)
    return stream.getvalue()


def _mask(mask: Int[np.ndarray, "h w"]) -> dict[str, bytes]:
    if mask.min(initial=0) >= 0 and mask.max(initial=0) <= _LARGEST_PNG:
        small = np.uint8 if mask.max(initial=0) <= 255 else np.uint16
        return {"mask.png": _saved(mask.astype(small), "PNG")}
    return {"mask.zlib": zlib.compress(_little(mask))}


def _read_mask(
    files: dict[str, bytes], dtype: Type, size: tuple[int, int], *, where: str
) -> Int[np.ndarray, "h w"]:
    if "mask.png" in files:
        return read_mask(Path(where), size=size, content=files["mask.png"]).astype(dtype)
    return _inflated(files["mask.zlib"], dtype, size)


def _read_ignore(files: dict[str, bytes], size: tuple[int, int], *, where: str) -> Bool[np.ndarray, "h w"]:
    return read_mask(Path(where), size=size, content=files["ignore.png"]).astype(np.bool_)


def _inflated(content: bytes, dtype: Type, size: tuple[int, int]) -> Shaped[np.ndarray, "h w"]:
    expected = math.prod(size) * np.dtype(dtype).itemsize
    inflater = zlib.decompressobj()
    numbers = inflater.decompress(content, expected)  # never more, whatever the bytes promise
    if len(numbers) != expected or inflater.decompress(inflater.unconsumed_tail, 1):
        raise ValueError(f"expected {size} numbers of {dtype}")
    return _native(numbers, dtype).reshape(size)


def _type(array: np.ndarray | None) -> Type | None:
    return None if array is None else msgspec.convert(array.dtype.name, Type)


def _row(array: np.ndarray | None) -> _Row | None:
    if array is None:
        return None
    return _Row(dtype=msgspec.convert(array.dtype.name, Type), shape=array.shape, data=_little(array))


def _read_row(row: _Row | None, *, columns: int | None = None) -> np.ndarray | None:
    if row is None:
        return None
    shape = (row.shape[0], columns) if columns else row.shape[:1]
    if row.shape != tuple(shape):
        raise ValueError(f"expected rows of {columns or 1} numbers, found {row.shape}")
    return _native(row.data, row.dtype).reshape(row.shape)


def _little(array: np.ndarray) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _native(content: bytes, dtype: Type) -> np.ndarray:
    numbers = np.frombuffer(content, dtype=np.dtype(dtype).newbyteorder("<"))
    return numbers.astype(dtype)


def _shrunk(sample: ImageSample, side: int) -> ImageSample:
    """Short side `side` long: the picture bilinearly with antialiasing, all else by the nearest pixel."""
    height, width = sample.image.shape[:2]
    scale = side / min(height, width)
    h, w = round(height * scale), round(width * scale)
    small = Image.fromarray(sample.image).resize((w, h), Image.Resampling.BILINEAR)
    rows = (2 * np.arange(h) + 1) * height // (2 * h)
    nearest = np.ix_(rows, (2 * np.arange(w) + 1) * width // (2 * w))
    return replace(
        sample,
        image=np.asarray(small),
        mask=None if sample.mask is None else sample.mask[nearest],
        ignore=None if sample.ignore is None else sample.ignore[nearest],
        depth=None if sample.depth is None else sample.depth[nearest],
    )
