"""The table of docs/compare.md out of finished comparisons: scores of all methods, and what they cost.

dias compare scenes-cpu dinosaur-mlp-cpu ... --clustering --set training.steps=1500 --out runs/compare
python benchmarks/methods.py runs/compare [more comparisons, of the same steps] [--name methods]

A method that is in several comparisons has the row of the last of them: that of more seeds, say.
"""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from harness import Row, markdown, save

SCORES = {"ari": "ARI", "ari_foreground": "ARIfg", "mbo": "mBO", "miou": "mIoU"}


def main() -> None:
    """Read, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("comparisons", type=Path, nargs="+")
    parser.add_argument("--name", default="methods", help="of the table")
    given = parser.parse_args()
    all_ = [json.loads((folder / "comparison.json").read_text()) for folder in given.comparisons]
    methods = {method["method"]: method for one in all_ for method in one["methods"]}
    measured = [*methods.values(), *all_[0]["training_free"]]
    rows = [_row(method) for method in measured if method["ari"] is not None]  # None: it failed
    found = all_[0]
    revisions = dict.fromkeys(one["provenance"]["revision"][:8] for one in all_)
    words = shlex.split(found["provenance"]["command"])
    data, first = words[words.index("--eval") + 1], found["methods"][0]
    changed = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    about = (
        f"{data}, percent; {first['steps']:.0f} steps of 32 pictures; "
        f"changed for all: {', '.join(changed) or 'nothing'}; measured by revision {', '.join(revisions)}"
    )
    print(markdown(rows))
    print(save(given.name, rows, about=about))


def _row(method: dict[str, Any]) -> Row:
    cells: Row = {"method": method["method"], "seeds": method.get("seeds") or ""}
    for key, name in SCORES.items():
        spread = method.get(f"{key}_std")
        cells[name] = f"{100 * method[key]:.1f}" + (f" ± {100 * spread:.1f}" if spread is not None else "")
    cells["slots"] = "" if method["slots_kept"] is None else f"{method['slots_kept']:.1f}"
    trained = "training_cpu_seconds" in method
    cells["CPU minutes"] = f"{method['training_cpu_seconds'] / 60:.1f}" if trained else ""
    cells["GB"] = f"{method['peak_memory_bytes'] / 1e9:.2f}" if trained else ""
    cells["weights (M)"] = f"{method['trained_parameters'] / 1e6:.2f}" if trained else ""
    return cells


if __name__ == "__main__":
    main()
