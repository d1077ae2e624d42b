"""A pack against loose files: pictures a second for one process, in the order of training.

python benchmarks/packed.py [--pictures 1500] [--repeats 5] [--folder FOLDER]

Loose files are read in fully random order, the pack in its own (windows of 16 shards). "cold" means that the
system was told to forget the files (posix_fadvise), which it may do in part only.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from dias.data.order import TrainingOrder
from dias.data.packing import PackSettings, pack
from dias.data.samples import ImageSource
from dias.data.sources import ImageFolderConfig, Packed, PackedConfig, Photos
from harness import Row, markdown, save

_SIZE = (480, 640)
_BYTES = 160_000  # of a picture of COCO, on average


def make_pictures(folder: Path, count: int) -> None:
    """JPEGs of COCO's usual size and weight: parts of photos, with as much noise as that takes."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = Photos()
    images = [photos[index].image for index in range(len(photos))]
    for number in range(count):
        file = folder / f"{number:06d}.jpg"
        if not file.exists():
            rng = np.random.default_rng(number)
            file.write_bytes(_jpeg(_part(images[rng.integers(len(images))], rng), rng))


def measure(source: ImageSource, folder: Path, order: list[int], *, cold: bool) -> dict[str, float]:
    """Pictures a second, first only their bytes, then decoded."""
    if cold:
        _forget(folder)
    start = time.perf_counter()
    for index in order:
        assert source.encoded(index)  # type: ignore[attr-defined]
    raw = time.perf_counter() - start
    if cold:
        _forget(folder)
    start = time.perf_counter()
    for index in order:
        source[index]
    return {"bytes read": len(order) / raw, "decoded": len(order) / (time.perf_counter() - start)}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep pictures and packs here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        rows = _rows(given.folder or Path(made), given.pictures, repeats=given.repeats)
    print(markdown(rows))
    about = f"{given.pictures} JPEGs of 640 x 480 pixels, one process, images/s (best of {given.repeats})"
    print(save("packed", rows, about=about))


def _rows(folder: Path, count: int, *, repeats: int) -> list[Row]:
    loose = folder / "loose"
    make_pictures(loose, count)
    config = ImageFolderConfig(path=str(loose))
    ways: dict[str, tuple[ImageSource, Path]] = {"loose files": (config.build(), loose)}
    for name, settings in {
        "pack": PackSettings(),
        "pack, --size 256": PackSettings(size=256),
    }.items():
        place = folder / name.replace(", --", "-").replace(" ", "-")
        pack(config.build(), place, settings, origin={}, workers=os.cpu_count() or 1)
        ways[name] = (PackedConfig(path=str(place)).build(), place)
    best: dict[str, dict[str, float]] = {name: {} for name in ways}
    for repeat in range(repeats):
        for state in ("cold", "warm"):
            for name, (source, place) in ways.items():
                order = list(_order(source, seed=repeat))
                for what, speed in measure(source, place, order, cold=state == "cold").items():
                    key = f"{state}, {what}"
                    best[name][key] = max(best[name].get(key, 0.0), speed)
    return [_row(name, place, best[name]) for name, (_, place) in ways.items()]


def _row(name: str, place: Path, speeds: dict[str, float]) -> Row:
    files = [file for file in place.iterdir() if file.name != ".lock"]
    size = sum(file.stat().st_size for file in files)
    return {"way": name, "files": len(files), "MB": size / 1e6} | speeds


def _order(source: ImageSource, *, seed: int) -> Iterator[int]:
    blocks = source.blocks(range(len(source))) if isinstance(source, Packed) else None
    order = TrainingOrder(len(source), batch=1, seed=seed, last_step=len(source), blocks=blocks)
    return (keys[0][0] for keys in order)


def _part(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random part with the shape of the result, enlarged to its size."""
    height, width = image.shape[:2]
    side = rng.uniform(0.5, 1) * min(height / _SIZE[0], width / _SIZE[1])
    h, w = int(_SIZE[0] * side), int(_SIZE[1] * side)
    y, x = rng.integers(height - h + 1), rng.integers(width - w + 1)
    part = Image.fromarray(np.ascontiguousarray(image[y : y + h, x : x + w]))
    return np.asarray(part.resize(_SIZE[::-1], Image.Resampling.BILINEAR))


def _jpeg(image: np.ndarray, rng: np.random.Generator) -> bytes:
    noise = rng.standard_normal((*image.shape[:2], 1))
    low, high = 0.0, 40.0
    for _ in range(7):  # the more noise, the more bytes
        middle = (low + high) / 2
        stream = io.BytesIO()
        noisy = (image + middle * noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(stream, "JPEG", quality=90)
        low, high = (low, middle) if stream.tell() > _BYTES else (middle, high)
    return stream.getvalue()


def _forget(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
