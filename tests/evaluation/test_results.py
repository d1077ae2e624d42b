"""Saving, loading, and means over checkpoints."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dias.errors import DiasError, FileError
from dias.evaluation.protocol import EvaluationConfig, rules_of
from dias.evaluation.results import METRICS, Evaluation, Results, Row
from dias.evaluation.tables import markdown, summarize, table


def a_row(variant: str, map: str, *, rng: np.random.Generator, images: int = 5) -> Row:
    values = {metric: rng.random(images) for metric in METRICS}
    values["ari_foreground"][0] = np.nan  # an image without objects
    return Row(variant=variant, map=map, **values)


def an_evaluation(seed: int, *, images: int = 5) -> Evaluation:
    rng = np.random.default_rng(seed)
    parts = (
        ("first iteration", "aggregation"),
        ("last without reduction", "aggregation"),
        ("last without reduction", "decoder"),
        ("final", "aggregation"),
        ("final", "decoder"),
    )
    return Evaluation(
        checkpoint=f"seed-{seed}/best.safetensors",
        config=EvaluationConfig(),
        names=tuple(f"{number:03d}.png" for number in range(images)),
        rows=tuple(a_row(variant, map, rng=rng, images=images) for variant, map in parts),
        slots_kept=rng.integers(2, 8, images),
        true_segments=np.full(images, 5),
        true_objects=np.full(images, 4),
        skipped=("bad.png: is truncated",),
        provenance={"command": "dias eval", "hashes": {"checkpoint": "abc"}},
    )


def test_means_leave_out_images_without_a_value() -> None:
    row = Row(
        variant="final",
        map="decoder",
        ari=np.array([1.0, 0.5]),
        ari_foreground=np.array([np.nan, 0.25]),
        mbo=np.array([np.nan, np.nan]),
        mbo_class=np.array([0.5, 1.0]),
        miou=np.array([0.0, 1.0]),
    )
    assert (row.mean.ari, row.mean.ari_foreground, row.mean.miou) == (0.75, 0.25, 0.5)
    assert np.isnan(row.mean.mbo)
    assert [row.counted(metric) for metric in METRICS] == [2, 1, 0, 2, 2]


def test_a_result_reads_back_to_the_same_numbers(tmp_path: Path) -> None:
    results = Results(
        evaluations=(an_evaluation(0), an_evaluation(1)),
        baselines=(a_row("k-means", "features", rng=np.random.default_rng(9)),),
    )
    results.save(tmp_path / "result.json")
    back = Results.load(tmp_path / "result.json")
    for one, other in zip(results.evaluations, back.evaluations, strict=True):
        assert _same(one, other)
    assert np.array_equal(back.baselines[0].mbo, results.baselines[0].mbo)
    assert "NaN" not in (tmp_path / "result.json").read_text()


def test_one_evaluation_saves_itself(tmp_path: Path) -> None:
    an_evaluation(3).save(tmp_path / "one.json")
    assert _same(Results.load(tmp_path / "one.json").evaluations[0], an_evaluation(3))


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "other"}', '{"format": "dias-evaluation-1"}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(FileError, match=r"x\.json"):
        Results.load(file)


def test_a_truncated_result_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    an_evaluation(0).save(file)
    stored = json.loads(file.read_text())
    del stored["evaluations"][0]["rows"][1]["images"]["mbo"]
    file.write_text(json.dumps(stored))
    with pytest.raises(FileError, match="damaged"):
        Results.load(file)
    with pytest.raises(FileError, match="cannot be read"):
        Results.load(tmp_path / "none.json")


@given(seeds=st.lists(st.integers(0, 1000), min_size=2, max_size=6, unique=True))
def test_spread_is_the_sample_standard_deviation_over_checkpoints(seeds: list[int]) -> None:
    evaluations = [an_evaluation(seed) for seed in seeds]
    summary = summarize(evaluations)
    for index, row in enumerate(summary.rows):
        for metric in METRICS:
            means = [np.nanmean(one.rows[index].values(metric)) for one in evaluations]
            assert row.spread is not None
            assert getattr(row.mean, metric) == pytest.approx(np.mean(means))
            assert getattr(row.spread, metric) == pytest.approx(np.std(means, ddof=1))
    assert summary.slots_kept == pytest.approx(np.mean([one.slots_kept.mean() for one in evaluations]))
    errors = [np.abs(one.slots_kept - one.true_segments).mean() for one in evaluations]
    assert summary.count_error_spread == pytest.approx(np.std(errors, ddof=1))


def test_one_checkpoint_has_no_spread() -> None:
    summary = summarize([an_evaluation(0)])
    assert {row.spread for row in summary.rows} == {None}
    assert summary.slots_kept_spread is None
    assert "±" not in markdown(summary)


def test_different_images_or_settings_are_not_averaged() -> None:
    first = an_evaluation(0)
    with pytest.raises(DiasError, match="differ in images"):
        summarize([first, an_evaluation(1, images=6)])
    with pytest.raises(DiasError, match="differ in settings"):
        summarize(
            [first, replace(an_evaluation(1), config=EvaluationConfig(rules=rules_of("dias", size=112)))]
        )
    with pytest.raises(DiasError, match="differ in rows"):
        summarize([first, replace(first, rows=first.rows[:2])])
    with pytest.raises(DiasError, match="there are none"):
        summarize([])


def test_the_table_fits_eighty_columns_and_loses_nothing() -> None:
    evaluations = [an_evaluation(seed) for seed in range(3)]
    rng = np.random.default_rng(0)
    baselines = [
        a_row("agglomerative, automatic number", "features", rng=rng),
        a_row("oracle", "true masks", rng=rng),
    ]
    summary = summarize(evaluations)
    console = Console(width=80, record=True, file=StringIO())
    console.print(table(summary, baselines=baselines))
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert text.count("±") >= 5 * len(METRICS)
    written = markdown(summary, baselines=baselines)
    for row in summary.rows:
        assert f"{100 * row.mean.ari:.1f}±" in text
        assert f"{100 * row.mean.ari:.1f}±" in written


def test_the_best_of_a_column_is_bold_and_the_oracle_does_not_compete() -> None:
    worse, better, oracle = (
        Row(variant=name, map="x", **dict.fromkeys(METRICS, high))
        for name, high in (
            ("final", np.array([0.5])),
            ("k-means", np.array([0.6])),
            ("oracle", np.array([0.9])),
        )
    )
    evaluation = replace(
        an_evaluation(0, images=1), rows=(worse,), slots_kept=np.array([3]), true_segments=np.array([3])
    )
    written = markdown(summarize([evaluation]), baselines=[better, oracle])
    assert written.count("**60.0**") == len(METRICS)
    assert "**90.0**" not in written
    assert "**50.0**" not in written


def test_every_table_says_the_protocol_and_that_ari_overflows() -> None:
    plain, told = (
        replace(an_evaluation(0), config=EvaluationConfig(rules=rules))
        for rules in (rules_of("spot", unlabelled="area"), rules_of("dias", size=224, int64=True))
    )
    for written in (markdown(summarize([plain])), str(table(summarize([plain])).title)):
        assert "protocol spot+unlabelled=area" in written
        assert "overflow" not in written
    for written in (markdown(summarize([told])), str(table(summarize([told])).title)):
        assert "protocol dias+size=224+int64=yes" in written
        assert "not the true values" in written
    assert told.to_dict()["protocol"] == "dias+size=224+int64=yes"
    assert "not the true values" in told.to_dict()["warning"]
    assert "warning" not in plain.to_dict()
    with pytest.raises(DiasError, match="differ in settings"):
        summarize([plain, told])


def test_class_level_mbo_has_a_column_only_where_classes_are_known() -> None:
    known = an_evaluation(0)
    rows = tuple(replace(row, mbo_class=np.full_like(row.mbo, np.nan)) for row in known.rows)
    assert "mBOc" in markdown(summarize([known]))
    assert "mBOc" not in markdown(summarize([replace(known, rows=rows)]))


def test_the_protocols_numbers_are_those_of_its_map() -> None:
    found = an_evaluation(0)
    assert found.best_map.map == summarize([found]).final.map == "decoder"
    other = replace(found, config=EvaluationConfig(rules=rules_of("dias", map="aggregation")))
    assert other.best_map.map == summarize([other]).final.map == "aggregation"
    only = replace(found, rows=tuple(row for row in found.rows if row.map == "aggregation"))
    assert only.best_map.map == "aggregation"  # a model whose decoder shows no map


def test_results_of_the_first_format_load_under_the_name_of_their_rules(tmp_path: Path) -> None:
    """Before protocols had names, unlabelled pixels stood nowhere and the size was 224."""
    file = tmp_path / "old.json"
    an_evaluation(0).save(file)
    stored = json.loads(file.read_text()) | {"format": "dias-evaluation-1"}
    one = stored["evaluations"][0]
    rules = one["config"].pop("rules")
    one["config"] |= {"protocol": "dias", "size": 224, "include_background": rules["background"]}
    for row in one["rows"]:
        del row["images"]["mbo_class"]
    file.write_text(json.dumps(stored))
    back = Results.load(file).evaluations[0]
    assert back.config.rules.name == "dias+size=224+unlabelled=nowhere"
    assert np.isnan(back.rows[0].mbo_class).all()
    assert np.array_equal(back.rows[0].mbo, an_evaluation(0).rows[0].mbo)


def _same(one: Evaluation, other: Evaluation) -> bool:
    arrays = all(
        np.array_equal(left.values(metric), right.values(metric), equal_nan=True)
        for left, right in zip(one.rows, other.rows, strict=True)
        for metric in METRICS
    )
    rest = ("checkpoint", "config", "names", "skipped", "provenance")
    return (
        arrays
        and all(getattr(one, name) == getattr(other, name) for name in rest)
        and np.array_equal(one.slots_kept, other.slots_kept)
        and np.array_equal(one.true_objects, other.true_objects)
        and [(row.variant, row.map) for row in one.rows] == [(row.variant, row.map) for row in other.rows]
    )
