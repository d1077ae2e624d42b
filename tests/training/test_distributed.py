"""Two processes on one machine (gloo) share each batch and train the model that one process does."""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import watched_run
from safetensors.torch import load_file
from watched_run import watched

import tiny_clip_run
from dias.features import Views, build_cache
from dias.training.recipe import Recipe, save_recipe
from tiny_run import journal, make_files, recipe

STEPS = 6  # an epoch has 2


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tiny"))


def by_two(chosen: Recipe, folder: Path) -> Path:
    """Train with two processes."""
    folder.mkdir()
    save_recipe(chosen, folder.with_suffix(".yaml"))
    command = [sys.executable, watched_run.__file__, str(folder.with_suffix(".yaml")), str(folder), "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def by_one(chosen: Recipe, folder: Path) -> Path:
    folder.mkdir()
    watched(chosen, folder)
    return folder


def with_chance(files: Path, *, data: dict[str, Any] | None = None, **training: Any) -> Recipe:
    """The whole method: noisy queries, random known tokens, reduction at random, from the first step on."""
    often = {"steps": STEPS, "validate_every": STEPS, "reduce_probability": 0.5, "reduce_ramp": 0.0}
    return recipe(files, data=data or {}, training=often | training)


@pytest.mark.slow
def test_two_processes_see_and_reach_what_one_does(files: Path, tmp_path: Path) -> None:
    two = by_two(with_chance(files), tmp_path / "two")
    one = by_one(with_chance(files), tmp_path / "one")
    assert seen(two, 0) != seen(two, 1)
    assert [sorted(a + b) for a, b in zip(seen(two, 0), seen(two, 1), strict=True)] == [
        sorted(step) for step in seen(one, 0)
    ]
    everything = list(chain(*seen(two, 0), *seen(two, 1)))
    assert sorted(everything) == sorted([*range(8)] * 3)  # each picture once an epoch
    assert [json.loads((two / f"parted-{rank}").read_text()) for rank in (0, 1)] == [True, True]
    assert same_losses(one, two)
    assert distance(one, two) < 1e-3 * distance(one, by_one(with_chance(files, batch=2), tmp_path / "half"))


@pytest.mark.slow
def test_parts_and_processes_with_a_cache_make_the_same_steps(files: Path, tmp_path: Path) -> None:
    """2 processes x 2 parts, 1 x 4 and 1 x 1: batches of 4 all the same."""
    source = recipe(files).data.train.build()
    views = Views(number=2, size=28, seed=42)
    backbone = recipe(files).model.backbone.build()
    build_cache(source, backbone, tmp_path / "cache", views=views, batch=4, progress=False)
    cached = {"cache": str(tmp_path / "cache")}
    one = by_one(with_chance(files, data=cached), tmp_path / "one")
    parts = by_one(with_chance(files, data=cached, accumulate=4), tmp_path / "parts")
    two = by_two(with_chance(files, data=cached, accumulate=2), tmp_path / "two")
    assert same_losses(one, parts)
    assert same_losses(one, two)
    assert (
        [len(part) for part in seen(parts, 0)] == [len(part) for part in seen(two, 1)] * 2 == [1] * 4 * STEPS
    )
    other = by_one(with_chance(files, data=cached, seed=7), tmp_path / "other")
    assert not same_losses(one, other)


@pytest.mark.slow
def test_two_processes_share_the_windows_of_clips(tmp_path: Path) -> None:
    """With told queries, reduction at random, and validation of whole clips."""
    clips = tiny_clip_run.make_files(tmp_path / "tiny")
    chosen = tiny_clip_run.recipe(
        clips,
        clip={"cues": {"kind": "boxes"}, "transition": {"kind": "encoder", "heads": 2, "dropout": 0.0}},
        training={"steps": STEPS, "validate_every": STEPS, "reduce_probability": 0.5, "reduce_ramp": 0.0},
    )
    one, two = by_one(chosen, tmp_path / "one"), by_two(chosen, tmp_path / "two")
    assert seen(two, 0) != seen(two, 1)
    assert [sorted(a + b) for a, b in zip(seen(two, 0), seen(two, 1), strict=True)] == [
        sorted(step) for step in seen(one, 0)
    ]
    assert same_losses(one, two)
    scores = [next(line for line in journal(run) if "val_mbo" in line) for run in (one, two)]
    assert scores[0].keys() == scores[1].keys()
    assert scores[0]["val_idf1"] == pytest.approx(scores[1]["val_idf1"], abs=0.05)


def seen(run: Path, rank: int) -> list[list[int]]:
    """Pictures of each part of each step."""
    lines = (run / f"seen-{rank}").read_text().splitlines()
    return [json.loads(line)[1] for line in lines]


def same_losses(one: Path, other: Path) -> bool:
    pairs = zip(steps(one), steps(other), strict=True)
    return all(a[name] == pytest.approx(b[name], rel=1e-4) for a, b in pairs for name in a)


def steps(run: Path) -> list[dict[str, float]]:
    found = [line for line in journal(run) if "loss" in line]
    assert [line["step"] for line in found] == list(range(1, STEPS + 1))
    return found


def distance(one: Path, other: Path) -> float:
    """Between the last weights of two runs, all numbers as one vector."""
    first, second = (load_file(run / "last.safetensors") for run in (one, other))
    assert first.keys() == second.keys()
    return float(sum((first[name] - second[name]).square().sum() for name in first) ** 0.5)
