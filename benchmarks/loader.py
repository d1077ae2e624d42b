"""What the data path gives a second, and what a GPU would want of it.

python benchmarks/loader.py [--pictures 384] [--workers 1 2] [--rounds 3]

Live: batches of 32 views at 256 out of JPEGs of COCO's sizes, by `training_loader`, against a bare loop of
the same reading and showing. Cached: the same by features of 256 tokens of 384 in half precision. A GPU's
wants are calculated, since none can be had here: see `wants`.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from dias.backbones import BackboneConfig
from dias.data.loaders import Batch, CachedViews, TrainingOrder, ViewedImages, training_loader
from dias.data.sources import pictures_at
from dias.features import CacheKey, FeatureCache
from dias.features.store import Layout
from dias.features.writing import CacheWriter, prepare
from dias.models import ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig
from dias.objectives import ObjectiveConfig, image_loss
from harness import Row, markdown, save
from photographs import write_photographs

BATCH, SIZE, TOKENS, CHANNELS = 32, 256, 256, 384
PEAK_FLOPS = 989e12  # of an H100 SXM in bf16, without sparsity
SHARES = (0.2, 0.4)  # of the peak that networks of this width reach: usual, and all that can be hoped for
LAUNCH_SECONDS = 5e-6  # of one kernel, without graphs or compiling


def loaders(folder: Path, *, pictures: int, workers: Sequence[int], rounds: int) -> list[Row]:
    """Every way in turn, several times; the best of each counts, since only noise makes one slower.

    What runs in this process alone is counted in its time on its core, workers on the wall.
    """
    write_photographs(folder / "photographs", count=pictures)
    live = ViewedImages(pictures_at(folder / "photographs"), size=SIZE, seed=0)
    stored = _cache(folder / "cache", pictures)
    cached = CachedViews(stored.read)
    ways: dict[str, Callable[[], object]] = {
        "live, bare loop": lambda: [live[(index, 0)] for index in range(pictures)],
        "live, in the main process": _epoch(live, pictures, 0),
        **{f"live, {count} workers": _epoch(live, pictures, count) for count in workers},
        "cached, bare reads": lambda: [np.array(stored.read(index, 0)) for index in range(pictures)],
        "cached, in the main process": _epoch(cached, pictures, 0),
    }
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, way in ways.items():
            best[name] = max(best[name], pictures / _seconds(way, alone="workers" not in name))
    each = {"live": 3 * SIZE * SIZE, "cached": 2 * TOKENS * CHANNELS}
    return [
        {"way": name, "pictures/s": speed, "MB/s to the model": speed * each[name.partition(",")[0]] / 1e6}
        for name, speed in best.items()
    ]


def wants(*, live: float, cached: float) -> list[Row]:
    """Pictures a second that a GPU could take, at most: by its arithmetic, and by how fast kernels start.

    FLOPs are counted in a real step at the paper's size (7 slots, decoder of 4 layers; forward, loss,
    backward), live with DINOv2 ViT-S/14 at 224 before it; the GPU is an H100 at shares of its peak. A step
    also starts one kernel for each operation that moves data, 5 microseconds each: at batch 32 that bounds it
    as well. What the count leaves out (attention on a CPU, the optimizer, Python) only makes a GPU want less.

    Args:
        live: pictures a second of one core.
        cached: pictures a second of the main process.
    """
    rows: list[Row] = []
    for way, backbone in (("live", True), ("cached", False)):
        flops, kernels = _step(backbone=backbone)
        for share in SHARES:
            arithmetic = PEAK_FLOPS * share / flops
            starts = BATCH / (kernels * LAUNCH_SECONDS)
            wanted = min(arithmetic, starts)
            rows.append(
                {
                    "features": way,
                    "GFLOP a picture": flops / 1e9,
                    "kernels a step": kernels,
                    "share of the peak": share,
                    "pictures/s by arithmetic": arithmetic,
                    "by kernel starts": starts,
                    "cores needed": wanted / (live if backbone else cached),
                    "GB/s from disk or memory": wanted * (160e3 if backbone else 2 * TOKENS * CHANNELS) / 1e9,
                }
            )
    return rows


class _Operations(TorchDispatchMode):
    """Counts operations that a GPU would start a kernel for: all but views."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


def _step(*, backbone: bool) -> tuple[float, int]:
    """FLOPs a picture, and kernels a step, of forward, loss and backward."""
    torch.manual_seed(0)
    model = ImageModelConfig(
        queries=NormalSharedConfig(slots=7),
        aggregation=AggregationConfig(slot_dim=256, iterations=3),
        decoder=RandomARConfig(layers=4, heads=4),
    ).build()
    vit = BackboneConfig(precision="bf16").build() if backbone else None
    few = 4  # pictures: what is counted does not depend on how many
    images = torch.randint(0, 256, (few, 3, SIZE, SIZE), dtype=torch.uint8)
    with FlopCounterMode(display=False) as flops, _Operations() as operations:
        features = torch.randn(few, TOKENS, CHANNELS) if vit is None else vit(images).features
        with torch.autocast("cpu", torch.bfloat16):
            output = model.from_features(features, reduce=torch.arange(few) % 2 == 0)
            loss = image_loss(output, config=ObjectiveConfig(), progress=0.5).total
        loss.backward()
    return flops.get_total_flops() / few, operations.count


def _epoch(samples: ViewedImages | CachedViews, pictures: int, workers: int) -> Callable[[], object]:
    """One epoch in batches; the workers are started before the clock is."""
    steps = pictures // BATCH
    order = TrainingOrder(pictures, batch=BATCH, seed=0, last_step=steps, views=1)
    loader: DataLoader[Batch] = training_loader(samples, order, workers=workers)
    return lambda: [None for _ in loader]


def _cache(folder: Path, pictures: int) -> FeatureCache:
    key = CacheKey(
        weights="none", final_norm=False, input_size=224, precision="bf16", size=SIZE, views=1, seed=0,
        data="none", count=pictures,
    )  # fmt: skip
    names = tuple(str(index) for index in range(pictures))
    layout = Layout(key=key, grid=(16, 16), channels=CHANNELS, names=names)
    prepare(folder, layout)
    with CacheWriter(folder, layout) as writer:
        for index in range(pictures):
            writer.put(index, np.full(layout.shape[1:], index, dtype=np.float16))
    return FeatureCache.open(folder)


def _seconds(call: Callable[[], object], *, alone: bool) -> float:
    """Of this process's core where it works alone, whoever else wants that core; else on the wall."""
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    call()
    return clock() - start


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=384)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = loaders(
            Path(folder), pictures=given.pictures // BATCH * BATCH, workers=given.workers, rounds=given.rounds
        )
    speed = {str(row["way"]): float(row["pictures/s"]) for row in found}
    wanted = wants(live=speed["live, bare loop"], cached=speed["cached, in the main process"])
    for table in (found, wanted):
        print(markdown(table) + "\n")
    about = f"batches of {BATCH}, {os.cpu_count()} cores; below, what an H100 could take, calculated"
    print(save("loader", [*found, *wanted], about=about))


if __name__ == "__main__":
    main()
