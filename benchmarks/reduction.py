"""Merging of redundant slots: ours against a scikit-learn loop, in one run. The ratio is the result.

python benchmarks/reduction.py [--device cuda]
"""

import argparse

import torch
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics.pairwise import cosine_distances
from torch import Tensor

from dias.nn import agglomerate, reduce_redundancy
from harness import Row, compare, markdown, save

THRESHOLD = 0.1
SIZES = [(1, 7), (1, 11), (8, 11), (64, 7), (64, 11), (64, 24)]  # one image too, where we may well lose


def model_slots(batch: int, n: int, *, d: int = 256) -> Tensor:
    """Slots of which about half repeat another one, at cosine distances of 0.02 or so."""
    generator = torch.Generator().manual_seed(0)
    parents = torch.randn(batch, n, d, generator=generator)
    chosen = torch.randint(n, (batch, n, 1), generator=generator).expand(-1, -1, d)
    return parents.gather(1, chosen) + 0.15 * torch.randn(batch, n, d, generator=generator)


def scikit_learn(slots: Tensor) -> list[list[int]]:
    """Image by image, labels in the order of first appearance."""
    labels = []
    for image in slots.double().cpu().numpy():
        clustering = AgglomerativeClustering(
            n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=THRESHOLD
        )
        found = clustering.fit_predict(cosine_distances(image)).tolist()
        names = {label: number for number, label in enumerate(dict.fromkeys(found))}
        labels.append([names[label] for label in found])
    return labels


def measure(batch: int, n: int, *, device: str) -> Row:
    """One row; the same partitions, or no row at all."""
    slots = model_slots(batch, n).to(device)
    labels = agglomerate(slots, THRESHOLD)
    assert labels.tolist() == scikit_learn(slots)
    times = compare(
        {
            "ours": lambda: agglomerate(slots, THRESHOLD),
            "merged": lambda: reduce_redundancy(slots, THRESHOLD),
            "sklearn": lambda: scikit_learn(slots),
        }
    )
    return {
        "images": batch,
        "slots": n,
        "clusters": float((labels.amax(dim=1) + 1).double().mean()),
        "scikit-learn loop (ms)": times["sklearn"].median,
        "agglomerate (ms)": times["ours"].median,
        "IQR (ms)": times["ours"].spread,
        "ratio": times["sklearn"].median / times["ours"].median,
        "reduce_redundancy, means too (ms)": times["merged"].median,
    }


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    rows = [measure(batch, n, device=device) for batch, n in SIZES]
    print(markdown(rows))
    print(save(f"reduction-{device}", rows, about="clustering of slots of width 256, cosine distance 0.1"))


if __name__ == "__main__":
    main()
