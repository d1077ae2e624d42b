"""What was measured is read again under the same rules only; a method that cannot be measured is a row."""

from dataclasses import replace
from pathlib import Path
from typing import Never

import pytest

from dias.comparison import Wish, compare, make_plan
from dias.comparison.kept import kept_rate
from dias.comparison.measures import images_per_second
from dias.evaluation import EvaluationConfig, rules_of
from dias.training.recipe import save_recipe
from dias.training.run import train
from tiny_run import QUIET, make_files, recipe


@pytest.fixture(scope="module")
def wish(tmp_path_factory: pytest.TempPathFactory) -> Wish:
    """Two methods of one recipe, trained for a step."""
    folder = make_files(tmp_path_factory.mktemp("kept"))
    recipes = [folder / "first.yaml", folder / "second.yaml"]
    for file in recipes:
        save_recipe(recipe(folder, training={"steps": 1, "validate_every": 1}), file)
    wish = Wish(
        recipes=tuple(map(str, recipes)),
        seeds=(1,),
        folder=folder / "out",
        evaluate_on=folder / "pictures",
        accelerator="cpu",
        evaluation=EvaluationConfig(rules=rules_of("dias", size=28)),
    )
    for method in make_plan(wish).methods:
        train(method.runs[0].recipe, method.runs[0].folder, machine=QUIET)
    return wish


def test_a_speed_is_that_of_the_rules_asked_for(wish: Wish, tmp_path: Path) -> None:
    rates = iter((1.0, 2.0))
    file = tmp_path / "segmenting.json"

    def rate(size: int) -> float:
        plan = make_plan(replace(wish, evaluation=EvaluationConfig(rules=rules_of("dias", size=size))))
        run = plan.methods[0].runs[0]
        return kept_rate(plan, run, file, name="images_per_second", measure=lambda: next(rates))

    assert [rate(28), rate(28), rate(56), rate(56)] == [1.0, 1.0, 2.0, 2.0]


def test_where_one_method_runs_out_of_memory_the_next_is_measured(
    wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, of_row = make_plan(wish), "dias.comparison.run.images_per_second"

    def full_once(*_: object) -> Never:
        monkeypatch.setattr(of_row, images_per_second)
        raise RuntimeError("can't allocate memory: you tried to allocate 64000000000 bytes")

    monkeypatch.setattr(of_row, full_once)
    rows, _ = compare(plan)
    assert "measures: failed: can't allocate memory" in rows[0].failures[0]
    assert rows[1].failures == ()
    assert rows[1].images_per_second is not None
