"""The model that ships on three test sets: as it was trained, with other shapes and textures, on photographs.

The sets are those that demo/pretrain.py makes (in its folder: test/plain, ood/plain, test/photos-0), each
measured by `dias eval src/dias/pretrained SET --size 224 --out RESULTS/NAME-new.json`:

python benchmarks/pretrained.py runs/pretrain/results
"""

import argparse
from pathlib import Path

from dias.evaluation.results import METRIC_NAMES, Results
from harness import Row, save

SETS = {
    "in distribution": "in-distribution",
    "out of distribution": "out-of-distribution",
    "photo backgrounds": "photo-backgrounds",
}
SHOWN = ("ari", "ari_foreground", "mbo", "miou")


def main() -> None:
    """Read what was measured, save it as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path)
    folder = parser.parse_args().results
    rows = [_row(title, folder / f"{name}-new.json") for title, name in SETS.items()]
    hashes = {
        Results.load(folder / f"{name}-new.json").evaluations[0].provenance["hashes"]["checkpoint"]
        for name in SETS.values()
    }
    assert len(hashes) == 1, "measured with more than one checkpoint"
    about = f"model.safetensors {hashes.pop()[:12]}, final masks, decoder's map, 224 x 224, percent"
    print(save("pretrained", rows, about=about))


def _row(title: str, file: Path) -> Row:
    found = Results.load(file).evaluations[0]
    scores = {METRIC_NAMES[metric]: f"{100 * getattr(found.best_map.mean, metric):.1f}" for metric in SHOWN}
    kept, true = (f"{counts.mean():.1f}" for counts in (found.slots_kept, found.true_segments))
    return {
        "test set": title,
        "images": len(found.names),
        **scores,
        "slots kept": kept,
        "true segments": true,
    }


if __name__ == "__main__":
    main()
