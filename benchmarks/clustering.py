"""Settings of the training-free rows, tried on validation scenes: which are best, and what an image costs.

python benchmarks/clustering.py [--data data/scenes/val] [--size 224]

The same powers for every method: one budget. `ClusteringConfig` has what is best by the mean of the four
scores, `power` by its mean over the three methods with an automatic number.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dias.backbones import Tokens
from dias.data.sources import open_source
from dias.evaluation.clustering import METHODS, cluster_maps
from dias.evaluation.protocol import ClusteringConfig, EvaluationConfig, rules_of
from dias.evaluation.results import METRIC_NAMES
from dias.evaluation.scoring import RowScores
from dias.evaluation.views import Reader, SeenImages
from dias.models.image import ImageModelConfig
from harness import Row, markdown, save

POWERS = (1, 2, 4, 8, 16, 32)
Seen = Sequence[tuple[SeenImages, Tokens]]


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/scenes/val"))
    parser.add_argument("--size", type=int, default=224)
    given = parser.parse_args()
    config = EvaluationConfig(rules=rules_of("dias", size=given.size))
    backbone = ImageModelConfig().backbone.build()
    with torch.no_grad():
        seen = [(one, backbone(one.images)) for one in Reader(open_source(given.data), config=config)]
    rows = [_row("k-means", ClusteringConfig(), True, seen, config=config)]
    for power in POWERS:
        spectral = ClusteringConfig(spectral_power=power)
        rows.append(_row("spectral", spectral, True, seen, config=config, shown=f"power {power}"))
    for linkage in ("average", "complete", "single"):
        for power in POWERS if linkage == "average" else (1, 16):
            told = ClusteringConfig(linkage=linkage, power=power)
            shown = f"{linkage}, power {power}"
            rows.append(_row("agglomerative", told, True, seen, config=config, shown=shown))
    for name in METHODS:
        for power in POWERS:
            untold = ClusteringConfig(power=power)
            rows.append(_row(name, untold, False, seen, config=config, shown=f"power {power}"))
    print(markdown(rows))
    about = f"training-free rows on {given.data}, {given.size} pixels, percent; time of one core"
    print(save(f"clustering-{given.data.name}", rows, about=about))


def _row(
    name: str,
    clustering: ClusteringConfig,
    told: bool,
    seen: Seen,
    *,
    config: EvaluationConfig,
    shown: str = "",
) -> Row:
    rows, counts, seconds = RowScores(), list[int](), 0.0
    for batch, tokens in seen:
        start = time.process_time()
        maps, exists = cluster_maps(
            tokens.features, batch.segments if told else None, method=METHODS[name], config=clustering
        )
        seconds += time.process_time() - start
        counts += exists.sum(dim=1).tolist()
        rows.add(name, maps, exists, batch, map="features", grid=tokens.grid, config=config)
    mean = rows.finished()[0].mean
    scores = {
        METRIC_NAMES[metric]: 100 * getattr(mean, metric)
        for metric in ("ari", "ari_foreground", "mbo", "miou")
    }
    true = np.concatenate([batch.segments.numpy() for batch, _ in seen])
    return {
        "method": name,
        "number": "true" if told else "automatic",
        "settings": shown,
        **{title: round(value, 1) for title, value in scores.items()},
        "mean of four": round(float(np.mean(list(scores.values()))), 1),
        "segments": round(float(np.mean(counts)), 1),
        "mean difference": round(float(np.abs(np.array(counts) - true).mean()), 1),
        "ms an image": 1e3 * seconds / len(counts),
    }


if __name__ == "__main__":
    main()
