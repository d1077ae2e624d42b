"""Training on cached features against live ones, per epoch, at the paper's size, in turns, in one run.

python benchmarks/cache.py [--device cuda] [--pictures 64] [--rounds 3]

A round is an epoch of the pictures in batches of 32: live reads JPEG files of 640 x 480, looks at a random
view of 224 pixels and runs DINOv2-small; cached reads the features of that view. Both make the same steps.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dias.backbones import BackboneConfig, FrozenBackbone
from dias.data.loaders import CachedViews, TrainingOrder, ViewedImages, training_loader
from dias.data.samples import ImageSource
from dias.data.sources import open_source
from dias.features import FeatureCache, Views, build_cache
from harness import Row, markdown, save
from training_step import Step, ours

BATCH, SIZE, SEED = 32, 224, 0
COCO = 118_287  # pictures of train2017


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _photos(Path(folder) / "pictures", count=given.pictures)
        rows = _measure(Path(folder), device=given.device, rounds=given.rounds)
    print(markdown(rows))
    about = f"epochs of {given.pictures} pictures, batches of {BATCH}, the paper's model; COCO by calculation"
    print(save(f"cache-{given.device}", rows, about=about))


def _measure(folder: Path, *, device: str, rounds: int) -> list[Row]:
    backbone = BackboneConfig(input_size=SIZE).build().to(device)
    source = open_source(folder / "pictures", use="train")
    begin = time.perf_counter()
    views = Views(number=1, size=SIZE, seed=SEED)
    cache = build_cache(source, backbone, folder / "cache", views=views, progress=False)
    making = (time.perf_counter() - begin) / len(source)
    step = ours(device, bf16=True)
    ways = {
        "live features": lambda: _live(source, backbone, step),
        "cached features": lambda: _cached(cache, step, device=device),
        "the steps alone": lambda: _steps(len(source), step, device=device),
    }
    seconds = _in_turn(ways, rounds=rounds)
    slowest = seconds["live features"]
    bytes_each = cache.layout.bytes // len(cache)
    rows: list[Row] = [
        {
            "way": name,
            "images/s": len(source) / found,
            "live / this": slowest / found,
            "disk, bytes an image": bytes_each if name == "cached features" else 0,
            "COCO: hours an epoch": found / len(source) * COCO / 3600,
            "COCO: disk, GB": bytes_each * COCO / 1e9 if name == "cached features" else 0,
        }
        for name, found in seconds.items()
    ]
    made: Row = dict.fromkeys(rows[0], 0) | {
        "way": "making the cache",
        "images/s": 1 / making,
        "live / this": slowest / len(source) / making,
        "COCO: hours an epoch": making * COCO / 3600,
    }
    return [*rows, made]


def _in_turn(ways: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Median seconds of each, after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            if number:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(found) for name, found in times.items()}


def _order(length: int) -> TrainingOrder:
    return TrainingOrder(length, batch=BATCH, seed=SEED, last_step=length // BATCH, views=1)


def _live(source: ImageSource, backbone: FrozenBackbone, step: Step) -> None:
    samples = ViewedImages(source, size=SIZE, seed=SEED)
    for batch in training_loader(samples, _order(len(source)), workers=2):
        images = batch.to(backbone.mean.device).images
        assert images is not None
        step(backbone(images).features.float())


def _cached(cache: FeatureCache, step: Step, *, device: str) -> None:
    for batch in training_loader(CachedViews(cache.read), _order(len(cache))):
        features = batch.to(device).features
        assert features is not None
        step(features.float())


def _steps(length: int, step: Step, *, device: str) -> None:
    features = torch.randn(BATCH, 256, 384, device=device)
    for _ in range(length // BATCH):
        step(features)


def _photos(folder: Path, *, count: int) -> None:
    """Noise that was blurred: JPEG files of about the size that photographs have."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{number:04d}.jpg", quality=90)


if __name__ == "__main__":
    main()
