"""The model that ships on three test sets: as it was trained, with other shapes and textures, on photographs.

The sets are those that demo/pretrain.py makes (in its folder: test/plain, ood/plain, test/photos-0) and
measures (RESULTS/NAME-new.json; with --beside another model too, NAME-old.json):

python benchmarks/pretrained.py runs/pretrain/results
"""

import argparse
from pathlib import Path

from dias.evaluation.results import METRIC_NAMES, Evaluation, Metric, Results
from harness import Row, markdown, save

SETS = {
    "in distribution": "in-distribution",
    "out of distribution": "out-of-distribution",
    "photo backgrounds": "photo-backgrounds",
}
SHOWN: tuple[Metric, ...] = ("ari", "ari_foreground", "mbo", "miou")


def main() -> None:
    """Read what was measured, save it as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path)
    folder = parser.parse_args().results
    files = {
        (title, label): folder / f"{name}-{label}.json"
        for title, name in SETS.items()
        for label in ("new", "old")
        if label == "new" or (folder / f"{name}-{label}.json").exists()
    }
    found = {of: Results.load(file).evaluations[0] for of, file in files.items()}
    names = {}
    for label in dict.fromkeys(label for _, label in found):
        hashes = {one.provenance["hashes"]["checkpoint"] for (_, own), one in found.items() if own == label}
        assert len(hashes) == 1, "measured with more than one checkpoint"
        names[label] = f"{'this' if label == 'new' else 'before'} ({hashes.pop()[:8]})"
    rows = [_row(title, names[label], one) for (title, label), one in found.items()]
    print(markdown(rows))
    about = "final masks, decoder's map, 224 x 224, percent; models by the hash of model.safetensors"
    print(save("pretrained", rows, about=about))


def _row(title: str, name: str, found: Evaluation) -> Row:
    scores = {METRIC_NAMES[metric]: f"{100 * getattr(found.best_map.mean, metric):.1f}" for metric in SHOWN}
    kept, true = (f"{counts.mean():.1f}" for counts in (found.slots_kept, found.true_segments))
    return {
        "test set": title,
        "images": len(found.names),
        "model": name,
        **scores,
        "slots kept": kept,
        "true segments": true,
    }


if __name__ == "__main__":
    main()
