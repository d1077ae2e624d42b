"""Numbers of a comparison as people read them: units, spreads, what is best, what is missing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dias.comparison.columns import MethodRow, Number, over_seeds, written
from dias.comparison.plan import Method, Run
from dias.comparison.rows import cost_columns, score_columns
from dias.comparison.tables import cells, short
from dias.config import from_dict
from dias.evaluation.protocol import EvaluationConfig
from dias.evaluation.results import METRICS, Evaluation, Row
from dias.training.cost import Cost, Spent
from dias.training.recipe import Recipe

RECIPE = from_dict(Recipe, {"data": {"train": {"kind": "scenes", "path": "data/scenes/train"}}})


def a_row(variant: str, map: str, value: float, *, segments: int = 4) -> Row:
    values = {metric: np.full(3, np.nan if metric == "mbo_class" else value) for metric in METRICS}
    return Row(variant=variant, map=map, segments=np.full(3, segments), **values)


def a_method(name: str, *scores: float, seconds: float = 90.0, planned: int | None = None) -> MethodRow:
    runs = tuple(
        Run(method=name, seed=seed, folder=Path(name), recipe=RECIPE, words=())
        for seed in range(planned or len(scores))
    )
    evaluations = tuple(
        Evaluation(
            checkpoint=name,
            config=EvaluationConfig(),
            names=("a", "b", "c"),
            rows=(a_row("final", "decoder", score),),
            slots_kept=np.array([3, 4, 5]),
            true_segments=np.array([4, 4, 4]),
            true_objects=np.array([3, 3, 3]),
            skipped=(),
            provenance={"hashes": {"checkpoint": "f00d"}},
        )
        for score in scores
    )
    cost = Cost(
        setup=Spent(),
        training=Spent(seconds=seconds, cpu_seconds=2 * seconds),
        validation=Spent(),
        steps=10,
        pictures=900,
        peak_memory=1_500_000_000,
        peak_gpu_memory=None,
        trained_parameters=1_230_000,
        frozen_parameters=0,
    )
    return MethodRow(
        method=Method(name=name, folder=Path(name), runs=runs),
        seeds=tuple(range(len(scores))),
        evaluations=evaluations,
        costs=(cost,) * len(scores),
        images_per_second=12.5 if scores else None,
    )


@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_mean_and_sample_standard_deviation(values: list[float]) -> None:
    found = over_seeds(values)
    assert found is not None
    assert found.mean == pytest.approx(np.mean(values))
    assert found.spread == pytest.approx(np.std(values, ddof=1), abs=1e-12)


def test_one_seed_has_no_spread_and_nothing_is_a_dash() -> None:
    assert over_seeds([0.5]) == Number(mean=0.5)
    assert over_seeds([]) is None
    assert over_seeds([0.5, float("nan")]) is None
    unit = score_columns([], ())[0].unit
    assert written(None, unit) == "-"
    assert written(Number(mean=0.612), unit) == "61.2"
    assert written(Number(mean=0.612, spread=0.01), unit) == "61.2±1.0"


@pytest.mark.parametrize(("seconds", "text"), [(90.0, "90.0 s"), (600.0, "10.0 min"), (36_000.0, "10.0 h")])
def test_times_are_written_in_a_unit_that_fits(seconds: float, text: str) -> None:
    row = a_method("one", 0.5, seconds=seconds)
    assert cost_columns([row])[0].cell(row) == text


def test_a_line_of_costs() -> None:
    row = a_method("one", 0.5, 0.6)
    line = cells([row], cost_columns([row]), (), bold=("", ""))[0]
    assert line == [
        "one", "2", "90.0±0.0 s", "3.0±0.0 min", "1.50 GB", "1.23 M", "10.0 /s", "12.5 /s",
    ]  # fmt: skip


def test_the_best_is_marked_and_the_oracle_does_not_compete() -> None:
    rows = [a_method("worse", 0.5, 0.5), a_method("better", 0.7, 0.7)]
    free = [a_row("k-means, true number", "features", 0.6), a_row("oracle", "true masks", 0.9)]
    lines = cells(rows, score_columns(rows, free), free, bold=("*", "*"))
    assert [line[2] for line in lines] == ["50.0±0.0", "*70.0±0.0*", "60.0", "90.0"]
    assert [line[-1] for line in lines] == ["4.0±0.0", "4.0±0.0", "4.0", "4.0"]  # fewer is not better
    lines = cells(rows, cost_columns(rows), (), bold=("*", "*"))
    assert lines[0][2].startswith("*")  # equal: the first


def test_what_failed_is_told_and_what_is_there_still_counts() -> None:
    from dataclasses import replace

    row = replace(a_method("one", 0.5, planned=3), failures=("seed 1: failed: here", "seed 2: failed: there"))
    line = cells([row], score_columns([row], ()), (), bold=("", ""))[0]
    assert line[1:3] == ["1 of 3", "50.0"]
    assert short(row, [row]).splitlines()[1:] == ["one: seed 1: failed: here", "one: seed 2: failed: there"]
    nothing = replace(a_method("two", planned=1), failures=("seed 0: failed: here",))
    assert short(nothing, [row, nothing]) == "two: seed 0: failed: here"
    assert set(cells([nothing], score_columns([row, nothing], ()), (), bold=("", ""))[0][2:]) == {"-"}
