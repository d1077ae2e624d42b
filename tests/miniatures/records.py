"""Record files of MOVi in pure Python, whole or broken; nothing of the reader under test is used.

Files that TensorFlow Datasets itself wrote are in `movi/` (`make_movi.py`).
"""

import io
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dias.data.formats.records import RecordFile


def _of_byte(found: int) -> int:
    for _ in range(8):
        found = found >> 1 ^ (0x82F63B78 if found & 1 else 0)
    return found


_TABLE = [_of_byte(byte) for byte in range(256)]
Features = Mapping[str, Sequence[bytes] | Sequence[int] | Sequence[float]]


def crc32c(data: bytes) -> int:
    """Castagnoli's sum, byte by byte."""
    found = 0xFFFFFFFF
    for byte in data:
        found = found >> 8 ^ _TABLE[(found ^ byte) & 255]
    return found ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    found = crc32c(data)
    return struct.pack("<I", ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def header(length: int) -> bytes:
    """Of a record that says it has this length, with the right sum."""
    return struct.pack("<Q", length) + masked(struct.pack("<Q", length))


def record(payload: bytes) -> bytes:
    return header(len(payload)) + payload + masked(payload)


def example(features: Features, *, packed: bool = True) -> bytes:
    """A `tf.train.Example`; an empty list is written as one of integers."""
    entries = b""
    for name, values in features.items():
        entry = _sized(1, name.encode()) + _sized(2, _feature(values, packed=packed))
        entries += _sized(1, entry)
    return _sized(1, entries)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = b""
    while value >= 128:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def clip(*, frames: int = 3, side: int = 8, classes: Sequence[int] = (4, 2), seed: int = 0) -> dict[str, Any]:
    """Features of a clip of C, D or E, as far as they are read: two squares that move to the right."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((frames, side, side), np.uint8)
    for t in range(frames):
        masks[t, 1:3, t : t + 2], masks[t, 4:7, t + 1 : t + 3] = 1, 2
    video = rng.integers(0, 256, (len(classes) + 1, 3), dtype=np.uint8)[masks]
    return {
        "video": [png(each) for each in video],
        "segmentations": [png(each) for each in masks],
        "depth": [png(each.astype(np.uint16) * 20_000) for each in masks],
        "forward_flow": rng.integers(0, 65_536, frames * side * side * 2).tolist(),
        "metadata/depth_range": [2.0, 10.0],
        "metadata/forward_flow_range": [-5.0, 5.0],
        "instances/category": list(classes),
    }


def write_movi(
    folder: Path,
    clips: Sequence[Features] = (),
    *,
    variant: str = "c",
    split: str = "train",
    frames: int | None = 3,
    side: int = 8,
    files: int = 1,
) -> Path:
    """`folder/movi_c/8x8/1.0.0` with so many clips in each file; `frames` None: not declared."""
    payloads = [example(features) for features in clips or [clip(frames=frames or 3, side=side)]]
    version = folder / f"movi_{variant}" / f"{side}x{side}" / "1.0.0"
    version.mkdir(parents=True, exist_ok=True)
    for place in range(files):
        file = version / f"movi_{variant}-{split}.tfrecord-{place:05d}-of-{files:05d}"
        file.write_bytes(b"".join(record(payload) for payload in payloads))
    lengths = [str(len(payloads))] * files
    info = {
        "name": f"movi_{variant}",
        "splits": [{"name": split, "shardLengths": lengths}],
        "version": "1.0.0",
    }
    (version / "dataset_info.json").write_text(json.dumps(info))
    sizes = [str(size) for size in (-1 if frames is None else frames, side, side, 3)]
    video = {"pythonClassName": "Video", "video": {"shape": {"dimensions": sizes}}}
    (version / "features.json").write_text(json.dumps({"featuresDict": {"features": {"video": video}}}))
    return version


def records_of(file: Path, payloads: Sequence[bytes]) -> RecordFile:
    file.write_bytes(b"".join(record(payload) for payload in payloads))
    return RecordFile(file, count=len(payloads))


def _feature(values: Sequence[Any], *, packed: bool) -> bytes:
    if values and isinstance(values[0], bytes):
        return _sized(1, b"".join(_sized(1, value) for value in values))
    floats = bool(values) and isinstance(values[0], float)
    numbers = [struct.pack("<f", value) if floats else varint(value) for value in values]
    if packed:
        return _sized(2 if floats else 3, _sized(1, b"".join(numbers)))
    return _sized(
        2 if floats else 3, b"".join(varint(8 | (5 if floats else 0)) + number for number in numbers)
    )


def _sized(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data
