"""`dias segment` in batches against the bare backbone: images a second, in turns, in one run.

python benchmarks/segment.py [--checkpoint runs/demo/run] [--device cuda] [--pictures 64] [--rounds 3]

Bare backbone: the frozen ViT alone on tensors that are ready. Segmenter: JPEG files read, resized, segmented,
labels at the pictures' own size. Files too: what the command does, every result written.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dias import load
from dias.backbones import BackboneConfig
from dias.data.sources import pictures_at
from dias.inference.saving import save_segmentations
from dias.inference.segment import Segmenter
from dias.models import ImageModel, ImageModelConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig
from harness import Row, markdown, save

SIZES = [(224, 224), (480, 640)]  # height, width: the backbone's own size, and a usual photo
BATCH = 16


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="the paper's size with random weights if not given")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    model = load(given.checkpoint, device=given.device) if given.checkpoint else _paper().to(given.device)
    rows = []
    for height, width in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder) / "pictures"
            _photos(files, count=given.pictures, height=height, width=width)
            rows += _measure(model, files, size=f"{width} x {height}", rounds=given.rounds)
    print(markdown(rows))
    about = f"pictures a second, batches of {BATCH}, slots of {model.config.aggregation.slot_dim}"
    print(save(f"segment-{given.device}", rows, about=about))


def _measure(model: ImageModel, files: Path, *, size: str, rounds: int) -> list[Row]:
    """Every way in turn, several times; the best of each counts, since only noise makes one slower."""
    source, backbone = pictures_at(files), model.backbone
    assert backbone is not None
    pixels = torch.randint(0, 256, (BATCH, 3, 224, 224), dtype=torch.uint8, device=_device(model))
    fast, decoder = Segmenter(model, batch=BATCH), Segmenter(model, batch=BATCH, map="decoder")
    ways: dict[str, Callable[[], object]] = {
        "bare backbone": lambda: [backbone(pixels) for _ in range(len(source) // BATCH)],
        "segmenter": lambda: list(fast.stream(source)),
        "segmenter, decoder's maps": lambda: list(decoder.stream(source)),
        "files too": lambda: save_segmentations(fast, source, files.parent / "out"),
    }
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, way in ways.items():
            best[name] = max(best[name], len(source) / _seconds(way))
    bare = best["bare backbone"]
    return [
        {"pictures": size, "way": name, "images/s": speed, "of the backbone's": speed / bare}
        for name, speed in best.items()
    ]


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _paper() -> ImageModel:
    torch.manual_seed(0)
    config = ImageModelConfig(
        backbone=BackboneConfig(),
        queries=NormalSharedConfig(slots=7),
        aggregation=AggregationConfig(slot_dim=256),
    )
    return config.build(backbone=config.backbone.build()).eval()


def _device(model: ImageModel) -> torch.device:
    return next(model.parameters()).device


def _photos(folder: Path, *, count: int, height: int, width: int) -> None:
    """JPEG files like photos: the sample photos in turn, resized."""
    folder.mkdir(parents=True)
    samples = pictures_at("photos")
    for index in range(count):
        image = Image.fromarray(np.ascontiguousarray(samples[index % len(samples)].image))
        image.resize((width, height)).save(folder / f"{index:04d}.jpg", quality=90)


if __name__ == "__main__":
    main()
