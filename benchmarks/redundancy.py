"""When does reducing redundancy pay? Scores against the number of slots, with and without it, and for rivals.

python benchmarks/redundancy.py runs/sweep/* --plot docs/redundancy.png [--data data/scenes/test]
python benchmarks/redundancy.py runs/sweep/* --as-trained --name redundancy-rivals --plot rivals.png
python benchmarks/redundancy.py runs/late-11 runs/detached-11 --apart --name reduction-in-training

Each run's folder says in its recipe which method it is (`METHODS`) and how many slots it has; runs of the
same method and number, of several seeds, are averaged. A run of DIAS is measured in the ways of `ways_of`, on
the same weights, unless `--as-trained`: then every run is measured in the one way in which it was trained, at
the threshold of training;
with `--apart` rows are named by the runs' folders: for runs of one method that were trained otherwise. A
rival needs a line in `METHODS` only where its recipe's first words do not name it.
"""

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.figure import Figure

from dias.data.frames import images_of
from dias.data.sources import config_for
from dias.evaluation import EvaluationConfig, candidate, evaluate_all, rules_of
from dias.evaluation.results import METRIC_NAMES, Evaluation, Metric
from dias.evaluation.run import Candidate
from dias.models.image import ImageModel
from dias.nn.decoders.random_ar import RandomARConfig
from dias.nn.slots.aggregation import Aggregation, AggregationConfig
from dias.nn.slots.thresholds import AUTOMATIC
from dias.training.recipe import Recipe, read_recipe
from harness import Row, markdown, save, spread

MEASURED: tuple[Metric, ...] = ("ari", "ari_foreground", "mbo", "miou")
KEPT = "slots kept"


def _is_dias(recipe: Recipe, *, reduction: bool, reinitialization: bool) -> bool:
    own = recipe.model.aggregation
    whole = recipe.about.startswith("DIAS") and isinstance(recipe.model.decoder, RandomARConfig)
    if not whole or not isinstance(own, AggregationConfig):
        return False
    return own.reduction == reduction and own.reinitialization == reinitialization


# What a run is called: the first line that holds of its recipe; no line, the recipe's own first words.
DIAS, PLAIN = "DIAS", "trained without both"
METHODS: Sequence[tuple[str, Callable[[Recipe], bool]]] = (
    (DIAS, lambda recipe: _is_dias(recipe, reduction=True, reinitialization=True)),
    (PLAIN, lambda recipe: _is_dias(recipe, reduction=False, reinitialization=False)),
    ("trained without re-init.", lambda recipe: _is_dias(recipe, reduction=True, reinitialization=False)),
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One way to use one run.

    Attributes:
        values: scores, as shares, and how many slots are kept; by the names of the table's columns.
    """

    way: str
    slots: int
    values: dict[str, float]


def main() -> None:
    """Measure all runs in one pass over the pictures, print, save and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("data/scenes/test"))
    parser.add_argument("--plot", type=Path, help="a PNG to draw: scores against the number of slots")
    parser.add_argument("--name", default="redundancy")
    parser.add_argument("--as-trained", action="store_true", help="one way a run: to compare methods")
    parser.add_argument(
        "--apart", action="store_true", help="by folders: to compare ways to train one method"
    )
    given = parser.parse_args()
    source = images_of(config_for(given.data, use="evaluate", settings=[]).build())
    asked = [
        (way, one)
        for run in given.runs
        for way, one in ways_of(run, as_trained=given.as_trained, name=run.name if given.apart else None)
    ]
    config = EvaluationConfig(rules=rules_of("dias", size=224), maps=("aggregation", "decoder"))
    found = evaluate_all([one for _, one in asked], source, config=config).evaluations
    points = [_point(way, one.model, result) for (way, one), result in zip(asked, found, strict=True)]
    groups = _over_seeds(points)
    rows = [_row(same) for same in groups]
    steps = sorted({read_recipe(str(run / "recipe.yaml")).training.steps for run in given.runs})
    segments = float(found[0].true_segments.mean())
    about = (
        f"{given.data} ({segments:.1f} true segments an image, background included), percent; trained for "
        f"{' or '.join(map(str, steps))} steps"
    )
    print(markdown(rows))
    print(save(given.name, rows, about=about))
    if given.plot:
        draw(groups, given.plot, segments=segments)
        print(given.plot)


def ways_of(run: Path, *, as_trained: bool, name: str | None = None) -> list[tuple[str, Candidate]]:
    """A run's model; one of DIAS also with more or less of the method on the same weights, if asked."""
    recipe = read_recipe(str(run / "recipe.yaml"))
    method = next((label for label, holds in METHODS if holds(recipe)), recipe.about.split(" (")[0])
    own, given, aggregation = name or method, candidate(run), recipe.model.aggregation
    if not isinstance(aggregation, AggregationConfig):
        return [(own, given)]
    if as_trained or method not in (DIAS, PLAIN):
        return [(own, replace(given, model=given.model.with_threshold(aggregation.threshold)))]
    if method == PLAIN:
        merged = _changed(given.model, reduction=True, reinitialization=True, threshold=AUTOMATIC)
        return [(own, given), (f"{own}, merged in use", replace(given, model=merged))]
    plain = _changed(given.model, reduction=False, reinitialization=False)
    ways = {"merging nothing": plain}
    named = {f"threshold {aggregation.threshold}": aggregation.threshold, "automatic": AUTOMATIC}
    for name, threshold in named.items():
        once = _changed(given.model, reinitialization=False, threshold=threshold)
        ways[f"reduction only, {name}"] = once
        ways[f"re-initialized, {name}"] = _changed(given.model, threshold=threshold)
    return [(f"{own}, {name}", replace(given, model=model)) for name, model in ways.items()]


def _changed(model: ImageModel, **settings: Any) -> ImageModel:
    """The same weights with other settings of the aggregation, whose threshold holds in use too."""
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    aggregation = copy.copy(model.aggregation)
    assert isinstance(aggregation, Aggregation)
    aggregation.config = replace(aggregation.config, in_use=None, **settings)
    twin.aggregation = aggregation
    return twin


def _point(way: str, model: ImageModel, result: Evaluation) -> Point:
    values = {METRIC_NAMES[metric]: float(getattr(result.best_map.mean, metric)) for metric in MEASURED}
    values[KEPT] = float(result.slots_kept.mean())
    return Point(way=way, slots=model.config.queries.slots, values=values)


def _over_seeds(points: Sequence[Point]) -> list[list[Point]]:
    """Those of one way and number of slots together; ways in the order in which they came."""
    ways = list(dict.fromkeys(point.way for point in points))
    place: Callable[[Point], tuple[int, int]] = lambda point: (ways.index(point.way), point.slots)  # noqa: E731
    return [list(same) for _, same in groupby(sorted(points, key=place), key=place)]


def _row(same: Sequence[Point]) -> Row:
    named: Row = {"way": same[0].way, "slots": same[0].slots, "runs": len(same)}
    scores = {column: spread([point.values[column] for point in same]) for column in same[0].values}
    return named | scores | {KEPT: f"{mean(point.values[KEPT] for point in same):.1f}"}


# Colour, dash and marker of the ways of DIAS: blue for its fixed threshold, green for the automatic one,
# dashes without re-initialization. Rivals take the next of `_OTHERS`, in their order.
_STYLES = {
    "merging nothing": ("#7d828b", ":", "o"),
    "reduction only, threshold": ("#2b6cb0", "--", "s"),
    "re-initialized, threshold": ("#2b6cb0", "-", "s"),
    "reduction only, automatic": ("#1a8a5a", "--", "D"),
    "re-initialized, automatic": ("#1a8a5a", "-", "D"),
    PLAIN: ("#b0713a", ":", "v"),
    f"{PLAIN}, merged in use": ("#b0713a", "-", "^"),
}
_OTHERS = (
    ("#b83280", "-", "^"), ("#805ad5", "-", "P"), ("#c53030", "-", "X"), ("#d69e2e", "-", "*"),
    ("#0987a0", "-", "h"), ("#4a5568", "-", "<"), ("#2f855a", "-", ">"), ("#9c4221", "-", "d"),
    ("#1a202c", "-", "p"), ("#ed64a6", "-", "8"),
)  # fmt: skip


def draw(groups: Sequence[Sequence[Point]], file: Path, *, segments: float) -> None:
    """Four panels over the number of slots: ARI, ARIfg, mBO, and how many are kept; means over seeds."""
    figure = Figure(figsize=(10, 7.2), dpi=150, layout="constrained")
    styles = _styles(list(dict.fromkeys(same[0].way for same in groups)))
    counts = sorted({same[0].slots for same in groups})
    for axes, column in zip(figure.subplots(2, 2).flat, ("ARI", "ARIfg", "mBO", KEPT), strict=True):
        scale = 1 if column == KEPT else 100
        for way, (colour, dash, marker) in styles.items():
            own = [same for same in groups if same[0].way == way]
            means = [scale * mean(point.values[column] for point in same) for same in own]
            look = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 6, "linewidth": 2}
            axes.plot([same[0].slots for same in own], means, label=way, **look)
        axes.set_title(column if column == KEPT else f"{column} (%)", fontsize=14, loc="left")
        axes.set_xlabel("slots of the model", fontsize=12)
        axes.set_xticks(counts)
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(bottom=0)  # the last panel, slots kept
    axes.axhline(segments, color="#222", linewidth=1)
    where = {"xytext": (0, -14), "textcoords": "offset points", "ha": "right", "fontsize": 11}
    axes.annotate("true segments", (axes.get_xlim()[1], segments), **where)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=12, frameon=False)
    figure.savefig(file, facecolor="white")


def _styles(ways: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """How each way is drawn: the last line of `_STYLES` whose words are in its name, or the next one free."""
    free = iter(_OTHERS * (1 + len(ways) // len(_OTHERS)))
    found = {way: [style for words, style in _STYLES.items() if words in way] for way in ways}
    return {way: styles[-1] if styles else next(free) for way, styles in found.items()}


if __name__ == "__main__":
    main()
