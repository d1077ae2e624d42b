"""Photographs of COCO's sizes decoded, cropped, resized to 256: ours against a plain loop of Pillow.

python benchmarks/decoding.py [--pictures 200] [--repeats 7] [--features 32]

Then: what each part takes and what else there was to choose from; how far what is shown is from Pillow's
pixels; and what that does to DINOv2's features, beside what bf16 does to them. One thread; the clock counts
this process's time on its core.
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import simplejpeg
import torch
from PIL import Image
from torch import Tensor

from dias.backbones import BackboneConfig
from dias.data.images import read_image
from dias.data.samples import ImageSample
from dias.data.showing import show
from dias.data.transforms import View, as_tensor, look, numbered_view
from harness import Row, compare, markdown, save
from photographs import write_photographs

SIZE = 256


def view_of(height: int, width: int, index: int) -> View:
    """The view that training would show in its first epoch."""
    return numbered_view(height, width, size=SIZE, seed=0, index=index, number=0)


def plainly(file: Path, view: View) -> np.ndarray:
    """What one writes first."""
    part = Image.open(file).convert("RGB").crop(view.box)
    return np.asarray(part.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def shown(file: Path, index: int) -> Tensor:
    """As training and caching do it."""
    image = read_image(file)
    return show(image, view_of(*image.shape[:2], index))


def exactly(file: Path, index: int) -> Tensor:
    """As evaluation does it: Pillow's resizing, to the bit."""
    image = read_image(file)
    return as_tensor(look(ImageSample(image=image, name=file.name), view_of(*image.shape[:2], index)).image)


def ways(files: Sequence[Path], *, repeats: int) -> list[Row]:
    """Pictures a second of a loop over all files."""
    views = [view_of(*read_image(file).shape[:2], index) for index, file in enumerate(files)]
    loops = {
        "plain Pillow": _loop(plainly, files, views),
        "ours, for training and caching": _loop(shown, files, range(len(files))),
        "ours, for evaluation": _loop(exactly, files, range(len(files))),
    }
    found = compare(loops, repeats=repeats, warm_up=1, clock=process_time)
    base = found["plain Pillow"].median
    return [
        {
            "way": name,
            "ms a picture": time.median / len(files),
            "IQR": time.spread / len(files),
            "pictures/s of a core": 1e3 * len(files) / time.median,
            "ratio": base / time.median,
        }
        for name, time in found.items()
    ]


def parts(files: Sequence[Path], *, repeats: int) -> list[Row]:
    """Each part alone, and what could stand in its place."""
    data = [file.read_bytes() for file in files]
    images = [simplejpeg.decode_jpeg(one) for one in data]
    views = [view_of(*image.shape[:2], index) for index, image in enumerate(images)]
    samples = [ImageSample(image=image, name="") for image in images]
    half = partial(simplejpeg.decode_jpeg, min_height=200, min_width=200)
    five_eighths = partial(simplejpeg.decode_jpeg, min_height=SIZE, min_width=SIZE)
    loops = {
        "read the file": _loop(Path.read_bytes, files),
        "Pillow reads the header": _loop(_opened, data),
        "Pillow decodes": _loop(lambda one: _opened(one).load(), data),
        "Pillow decodes to an array": _loop(lambda one: np.asarray(_opened(one)), data),
        "Pillow decodes a half of the size (draft)": _loop(_draft, data),
        "simplejpeg decodes (ours)": _loop(simplejpeg.decode_jpeg, data),
        "simplejpeg decodes 5/8 of the size": _loop(five_eighths, data),
        "simplejpeg decodes a half of the size": _loop(half, data),
        "Pillow crops and resizes": _loop(look, samples, views),
        "torch crops and resizes (ours)": _loop(show, images, views),
    }
    found = compare(loops, repeats=repeats, warm_up=1, clock=process_time)
    return [
        {"part": name, "ms a picture ": time.median / len(files), "IQR ": time.spread / len(files)}
        for name, time in found.items()
    ]


def differences(files: Sequence[Path]) -> list[Row]:
    """Pixels shown against the exact ones, on a scale of 0 to 255."""
    mean, share, largest, decoded = [], [], 0, 0
    for index, file in enumerate(files):
        decoded = max(decoded, int(np.abs(read_image(file).astype(int) - Image.open(file)).max()))
        difference = (shown(file, index).int() - exactly(file, index).int()).abs()
        largest = max(largest, int(difference.max()))
        mean.append(float(difference.float().mean()))
        share.append(100 * float((difference > 0).float().mean()))
    return [
        {
            "against Pillow": "decoded",
            "largest difference": decoded,
            "mean difference": 0.0,
            "percent of values that differ": 0.0,
        },
        {
            "against Pillow": "decoded, cropped, resized",
            "largest difference": largest,
            "mean difference": float(np.mean(mean)),
            "percent of values that differ": float(np.mean(share)),
        },
    ]


def features(files: Sequence[Path], *, batch: int = 8) -> list[Row]:
    """Tokens of DINOv2 ViT-S/14 in fp32 against those of the exact pictures."""
    exact = torch.stack([exactly(file, index) for index, file in enumerate(files)])
    others = {
        "as training shows them": torch.stack([shown(file, index) for index, file in enumerate(files)]),
        "decoded at 1/2 of the size": torch.stack([_from_half(file, at) for at, file in enumerate(files)]),
    }
    fp32 = BackboneConfig(precision="fp32").build()
    bf16 = BackboneConfig(precision="bf16").build()

    def tokens(backbone: torch.nn.Module, images: Tensor) -> Tensor:
        return torch.cat([backbone(some).features for some in images.split(batch)])

    reference = tokens(fp32, exact)
    found = {name: tokens(fp32, images) for name, images in others.items()}
    found["exact pictures, bf16"] = tokens(bf16, exact)
    found["exact pictures, kept in fp16"] = reference.half().float()
    return [_closeness(name, reference, other) for name, other in found.items()]


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--features", type=int, default=32, help="pictures whose features are compared")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = write_photographs(Path(folder) / "photographs", count=given.pictures)
        kilobytes = sum(file.stat().st_size for file in files) / len(files) / 1e3
        compared = features(files[: given.features])
        torch.set_num_threads(1)  # a core, as a worker process has it
        tables = [ways(files, repeats=given.repeats), parts(files, repeats=given.repeats), differences(files)]
    for table in (*tables, compared):
        print(markdown(table) + "\n")
    about = f"{len(files)} JPEGs of COCO's sizes, {kilobytes:.0f} KB each, shown at {SIZE} x {SIZE}, one core"
    print(save("decoding", [row for table in (*tables, compared) for row in table], about=about))


def _loop(function: Callable[..., object], *items: Iterable[object]) -> Callable[[], None]:
    """Call a function for each picture and keep nothing, as a loader that hands on what it has read."""

    def run() -> None:
        for one in zip(*items, strict=True):
            function(*one)

    return run


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _draft(data: bytes) -> object:
    image = _opened(data)
    image.draft("RGB", (image.width // 2, image.height // 2))
    return image.load()


def _from_half(file: Path, index: int) -> Tensor:
    """What decoding at half the size would show: the same view, of half the pixels."""
    data = file.read_bytes()
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    view = view_of(height, width, index)
    image = simplejpeg.decode_jpeg(data, min_height=height // 2, min_width=width // 2)
    x0, y0, x1, y1 = (at // 2 for at in view.box)
    return show(image, View(box=(x0, y0, x1, y1), flip=view.flip, size=SIZE))


def _closeness(name: str, reference: Tensor, other: Tensor) -> Row:
    cosine = torch.nn.functional.cosine_similarity(reference.double(), other.double(), dim=-1)
    return {
        "DINOv2's tokens": name,
        "1 - cosine, mean": float(1 - cosine.mean()),
        "1 - cosine, largest": float(1 - cosine.min()),
    }


if __name__ == "__main__":
    main()
