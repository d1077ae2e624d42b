"""SPOT's two stages by one command: teacher, then student; stopped and resumed; fitted."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

import dias.training.module
from dias.checkpoints import describe, load_model
from dias.cli.main import main
from dias.config import merged
from dias.errors import CheckpointError
from dias.files import sha256
from dias.training.recipe import Recipe, read_recipe
from dias.training.run import train
from tiny_run import QUIET, journal, make_files, settings

STAGE = {"reduction": False, "reinitialization": False}
TINY: dict[str, Any] = {
    "model": {
        "tuned_blocks": 1,
        "queries": {"kind": "separate", "slots": 4},
        "aggregation": {**STAGE, "bilevel": True},
        "decoder": {"kind": "permuted_ar", "layers": 1, "heads": 2, "width": 8},
    },
    "objective": {"distillation": "none", "matching_weight": 0.1},
    "training": {"steps": 8, "validate_every": 4},
    "earlier": {
        "kind": "teacher",
        "model": {
            "tuned_blocks": 0,
            "queries": {"kind": "shared", "slots": 4},
            "aggregation": {"bilevel": False},
        },
    },
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_files(tmp_path_factory.mktemp("spot"))
    (folder / "spot.yaml").write_text(yaml.safe_dump(merged(settings(folder), TINY)))
    return folder


@pytest.fixture(scope="module")
def whole(files: Path) -> Path:
    """A run that nothing disturbed, by the command."""
    words = ["train", str(files / "spot.yaml"), "--out", str(files / "whole"), "--accelerator", "cpu"]
    before, sys.argv = sys.argv, ["dias", *words, "--logger", "none"]
    try:
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
    finally:
        sys.argv = before
    return files / "whole"


def chosen(files: Path, *changes: str) -> Recipe:
    return read_recipe(str(files / "spot.yaml"), changes=changes)


class Stopped(Exception):
    """The power went out."""


def stopped(monkeypatch: pytest.MonkeyPatch, recipe: Recipe, folder: Path, *, at: int) -> None:
    """A run that ends in its `at`-th step, counted over both stages."""
    loss, calls = dias.training.module.image_loss, []

    def until(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise Stopped
        return loss(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(dias.training.module, "image_loss", until)
        with pytest.raises(Stopped):
            train(recipe, folder, machine=QUIET)


def test_one_command_trains_the_teacher_and_then_its_student(whole: Path) -> None:
    teacher, student = load_model(whole / "teacher"), load_model(whole)
    assert (teacher.config.queries.kind, student.config.queries.kind) == ("shared", "separate")
    assert (teacher.config.tuned_blocks, student.config.tuned_blocks) == (0, 1)
    assert describe(whole / "teacher" / "last.safetensors")["notes"]["step"] == 8
    assert describe(whole / "last.safetensors")["notes"]["step"] == 8
    found = load_file(whole / "best.safetensors")
    assert any(name.startswith("last_blocks.") for name in found)
    assert not any("teacher" in name for name in found)
    known = yaml.safe_load((whole / "provenance.json").read_text())["hashes"]
    assert known["teacher"] == sha256(whole / "teacher" / "best.safetensors")


def test_a_teacher_is_as_its_student_but_for_what_is_said(files: Path) -> None:
    recipe = chosen(files, "training.steps=5", "training.start=elsewhere")
    before = recipe.of_earlier()
    assert before.training.steps == 5
    assert before.training.start is None
    assert before.model.decoder == recipe.model.decoder
    assert before.model.backbone == recipe.model.backbone
    assert not before.model.aggregation.bilevel
    assert chosen(files, "earlier.training.steps=3").of_earlier().training.steps == 3


@pytest.mark.parametrize("at", [6, 14])
def test_stopped_in_either_stage_it_ends_bit_for_bit_as_if_it_had_not_been(
    files: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Eight steps each: in the sixth of the teacher, and in the sixth of the student."""
    recipe = chosen(files)
    stopped(monkeypatch, recipe, tmp_path / "run", at=at)
    assert (tmp_path / "run" / "state.ckpt").exists() == (at > 8)
    train(recipe, tmp_path / "run", machine=QUIET, resume=True)
    for name in ("teacher/best.safetensors", "best.safetensors", "last.safetensors"):
        one, other = load_file(whole / name), load_file(tmp_path / "run" / name)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert journal(whole) == journal(tmp_path / "run")


def test_a_teacher_that_is_there_already_takes_the_place_of_training(
    files: Path, whole: Path, tmp_path: Path
) -> None:
    recipe = chosen(files, f"earlier.weights={whole / 'teacher'}")
    train(recipe, tmp_path / "run", machine=QUIET)
    assert not (tmp_path / "run" / "teacher").exists()
    one, other = (load_file(run / "last.safetensors") for run in (whole, tmp_path / "run"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    with pytest.raises(CheckpointError, match="does not exist"):
        train(chosen(files, "earlier.weights=nowhere"), tmp_path / "other", machine=QUIET)


def test_eight_pictures_are_fitted(files: Path, tmp_path: Path) -> None:
    """Both come to reconstruct, the student to share tokens as its teacher, whatever order that reads."""
    changes = ("training.steps=100", "training.lr=0.01", "training.validate_every=100", "data.views=1")
    train(chosen(files, *changes), tmp_path / "run", machine=QUIET)
    for folder in (tmp_path / "run", tmp_path / "run" / "teacher"):
        lines = [line for line in journal(folder) if "loss" in line]
        assert lines[-1]["reconstruction"] < 0.5 * lines[0]["reconstruction"]
    lines = [line for line in journal(tmp_path / "run") if "loss" in line]
    assert lines[-1]["matching"] < 0.9 * lines[0]["matching"]
