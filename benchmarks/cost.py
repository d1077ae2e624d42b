"""What DIAS costs beside SPOT, both of whose stages count: the same machine, steps and pictures.

python benchmarks/cost.py [scenes-cpu spot-cpu] [--steps 100] [--rounds 3] [--data data/scenes/train]
    [--cache PATH] [--set KEY=VALUE ...] [--name cost-cpu]

Every run is a `dias train` of its own, as users run it, and the methods take turns, so that what slows the
machine down for a while meets both. The ratio is that of the first method to the second (the paper: at most
half). `--steps` are the optimizer steps of every stage; with --split, stages share them.
"""

import argparse
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from dias.comparison.plan import length
from dias.training.cost import Cost, cost_of
from dias.training.recipe import Recipe, read_recipe
from harness import Row, markdown, run_dias, save

QUANTITIES: dict[str, Callable[[Cost], float]] = {
    "training, s": lambda cost: cost.training.seconds,
    "CPU, s": lambda cost: cost.training.cpu_seconds,
    "all CPU, s": lambda cost: cost.total.cpu_seconds,
    "peak memory, GB": lambda cost: cost.peak_memory / 1e9,
    "peak GPU memory, GB": lambda cost: (cost.peak_gpu_memory or 0) / 1e9,
    "trained parameters, M": lambda cost: cost.trained_parameters / 1e6,
    "steps": lambda cost: float(cost.steps),
    "pictures/s": lambda cost: cost.pictures_per_second,
}


def main() -> None:
    """Train in turns, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=["scenes-cpu", "spot-cpu"])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--split", action="store_true", help="as many steps for all stages together")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path("data/scenes/train"))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("runs/cost"))
    parser.add_argument("--name", default="cost-cpu")
    given = parser.parse_args()
    found: dict[str, list[Cost]] = {recipe: [] for recipe in given.recipes}
    for number in range(given.rounds):
        for recipe in given.recipes:
            folder = given.out / f"{Path(recipe).stem}-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            found[recipe].append(_train(recipe, folder, given=given))
            print(f"{recipe}: {found[recipe][-1].training}", file=sys.stderr, flush=True)
    rows = _rows(found)
    print(markdown(rows))
    kept = "stages share the steps" if given.split else "every stage"
    about = (
        f"{' against '.join(given.recipes)}, {given.steps} steps ({kept}), {given.data}, "
        f"median (and range) of {given.rounds} rounds in turns"
    )
    print(save(given.name, rows, about=about))


def _train(recipe: str, folder: Path, *, given: argparse.Namespace) -> Cost:
    changes = [*given.set, *_steps(read_recipe(recipe), given=given)]
    words = ["train", recipe, "--out", folder, "--logger", "none", "--data", given.data]
    words += ["--cache", given.cache] if given.cache else []
    words += [word for change in changes for word in ("--set", change)]
    run_dias(words)
    return cost_of(folder)


def _steps(recipe: Recipe, *, given: argparse.Namespace) -> list[str]:
    """Changes that give each stage its steps, and one validation at the end."""
    stages = len(length(recipe))
    each = max(given.steps // stages, 1) if given.split else given.steps
    places = ["training", *("earlier.training" for _ in range(stages - 1))]
    return [f"{place}.{name}={each}" for place in places for name in ("steps", "validate_every")]


def _rows(found: dict[str, list[Cost]]) -> list[Row]:
    rows: list[Row] = []
    names = list(found)
    for title, of in QUANTITIES.items():
        values = {name: [of(cost) for cost in found[name]] for name in names}
        if not any(any(several) for several in values.values()):
            continue
        medians = {name: statistics.median(several) for name, several in values.items()}
        row: Row = {"quantity": title}
        for name, several in values.items():
            row[name] = f"{medians[name]:.4g} ({min(several):.4g} to {max(several):.4g})"
        if len(names) > 1:
            row[f"{names[0]} / {names[1]}"] = round(medians[names[0]] / medians[names[1]], 3)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
