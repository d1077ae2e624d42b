"""The four switches of DIAS, one off at a time, over several seeds: trains, evaluates, prints the table.

python benchmarks/ablation.py --cache runs/demo/cache [--recipe scenes-cpu] [--seeds 42 43 44] [--jobs 2]
    [--variants DIAS "no distillation"] [--name longer] [--set training.steps=8000]

Runs that are there already are not made again, so it can be stopped and started.
"""

import argparse
import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dias.evaluation.results import METRIC_NAMES, METRICS, Results
from harness import Row, markdown, run_dias, save, spread

VARIANTS = {
    "DIAS": [],
    "no reduction": ["model.aggregation.reduction=false"],
    "no re-initialization": ["model.aggregation.reinitialization=false"],
    "no distillation": ["objective.distillation=none"],
    "no random order": ["model.decoder.random_order=false"],
    "none of the four": [
        "model.aggregation.reduction=false",
        "model.aggregation.reinitialization=false",
        "objective.distillation=none",
        "model.decoder.random_order=false",
    ],
}

MEASURED_AS_TRAINED = "model.aggregation.in_use=null"  # one threshold in training and after it, in all tables

WEIGHTS = {f"weight {weight}": [f"objective.distillation_weight={weight}"] for weight in (0.01, 0.03)}


def main() -> None:
    """Train what is missing, a process a core; then evaluate, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recipe", default="scenes-cpu")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument(
        "--data", type=Path, nargs="+", default=[Path("data/scenes/test"), Path("data/scenes/ood")]
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--set", nargs="*", default=[], help="for all, such as training.steps=8000")
    parser.add_argument(
        "--variants", nargs="+", choices=[*VARIANTS, *WEIGHTS], default=list(VARIANTS), metavar="VARIANT"
    )
    parser.add_argument("--name", help="of the table; the recipe's if not given")
    given = parser.parse_args()
    jobs = [(name, seed) for seed in given.seeds for name in given.variants]
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(lambda job: _train(*job, given=given), jobs))
    for data in given.data:
        rows = [_evaluate(name, data, given=given) for name in given.variants]
        print(f"\n{data}\n{markdown(rows)}")
        length = " ".join([given.recipe, *given.set])
        about = f"{length}, seeds {given.seeds}, {data}: percent, mean ± sample std over seeds"
        print(save(f"ablation-{given.name or given.recipe}-{data.name}", rows, about=about))


def _run(name: str, seed: int, *, given: argparse.Namespace) -> Path:
    return Path(given.out / f"{name.replace(',', '').replace(' ', '-')}-{seed}")


def _train(name: str, seed: int, *, given: argparse.Namespace) -> None:
    run = _run(name, seed, given=given)
    if (run / "done").exists():
        return
    asked = [MEASURED_AS_TRAINED, *given.set, *(VARIANTS | WEIGHTS)[name]]
    changes = [word for change in asked for word in ("--set", change)]
    resume = ["--resume"] if (run / "state.ckpt").exists() else []
    words = ["train", given.recipe, "--cache", given.cache, "--out", run, "--seed", seed, "--logger", "none"]
    run_dias([*words, *changes, *resume], threads=max((os.cpu_count() or 1) // given.jobs, 1))
    (run / "done").touch()
    print(f"trained {run}", flush=True)


def _evaluate(name: str, data: Path, *, given: argparse.Namespace) -> Row:
    runs = [_run(name, seed, given=given) for seed in given.seeds]
    file = given.out / f"{name.replace(' ', '-')}-{data.name}.json"
    run_dias(["eval", *runs, data, "--size", 224, "--out", file], threads=os.cpu_count() or 1)
    found = Results.load(file).evaluations
    best = [one.best_map.mean for one in found]
    first = [row.mean for one in found for row in one.rows if row.variant == "first iteration"]
    return {
        "variant": name,
        **{METRIC_NAMES[metric]: spread([getattr(one, metric) for one in best]) for metric in METRICS},
        "slots kept": f"{statistics.mean(float(one.slots_kept.mean()) for one in found):.1f}",
        "first iteration's ARIfg": spread([one.ari_foreground for one in first]),
    }


if __name__ == "__main__":
    main()
