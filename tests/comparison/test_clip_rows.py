"""Rows of clips: the numbers are those of the evaluation, and fewer switches are better."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from dias.comparison.columns import MethodRow
from dias.comparison.plan import Method, Run
from dias.comparison.rows import score_columns
from dias.comparison.tables import cells, checkpoints, comma_separated, sections, short
from dias.config import from_dict
from dias.evaluation.clips import ClipCounts, ClipEvaluation, ClipScores, FrameScores, Tracks
from dias.evaluation.protocol import DIAS
from dias.provenance import record
from dias.training.recipe import Recipe

RECIPE = from_dict(Recipe, {"data": {"train": {"kind": "scenes", "path": "data/scenes/train"}}})


def scores(value: float) -> ClipScores:
    return ClipScores(**{name: np.full(2, value) for name in ("ari", "ari_foreground", "mbo", "miou")})


def a_method(name: str, *, whole: float, frames: float, switches: int) -> MethodRow:
    evaluation = ClipEvaluation(
        name=name,
        rules=DIAS,
        names=("a", "b"),
        frames=np.array([3, 3]),
        whole=scores(whole),
        per_frame=FrameScores(
            clips=scores(frames),
            counted=ClipCounts(**{one: np.array([3, 3]) for one in ("ari", "ari_foreground", "mbo", "miou")}),
        ),
        tracks=Tracks(
            hota=np.array([0.5, 0.7]),
            detection=np.array([0.5, 0.5]),
            association=np.array([0.5, 0.5]),
            idf1=np.array([0.2, 0.4]),
            switches=np.array([switches, switches + 1]),
        ),
        true_segments=np.array([3, 3]),
        skipped=(),
        provenance={"hashes": {"checkpoint": f"{name}-sha"}},
    )
    run = Run(method=name, seed=7, folder=Path(name), recipe=RECIPE, words=())
    return MethodRow(
        method=Method(name=name, folder=Path(name), runs=(run,)), seeds=(7,), clips=(evaluation,)
    )


def test_a_row_has_whole_clips_tracks_and_single_frames() -> None:
    rows = [
        a_method("one", whole=0.4, frames=0.8, switches=4),
        a_method("two", whole=0.6, frames=0.7, switches=9),
    ]
    lines = cells(rows, score_columns(rows, ()), (), bold=("*", "*"))
    assert lines[0] == ["one", "1", "40.0", "40.0", "40.0", "40.0", "*60.0*", "*30.0*", "*4.5*", "*80.0*"]
    assert lines[1] == ["two", "1", "*60.0*", "*60.0*", "*60.0*", "*60.0*", "60.0", "30.0", "9.5", "70.0"]
    assert [title for title, _, _ in sections(rows, ())] == [
        "Whole clips", "Tracks, and frames by themselves", "Cost",
    ]  # fmt: skip
    assert short(rows[0], rows).startswith("one: ARI 40.0, ARIfg 40.0")
    assert checkpoints(rows) == ["one, seed 7: one-sha", "two, seed 7: two-sha"]
    (line, _) = csv.DictReader(io.StringIO(comma_separated(rows, (), record())))
    assert float(line["ari"]) == 0.4
    assert float(line["ari_foreground_per_frame"]) == pytest.approx(0.8)
    assert float(line["switches"]) == 4.5
