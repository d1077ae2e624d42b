"""Two processes on one machine (gloo) share the batch, train one model, and write it once."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dias.checkpoints import save_model
from dias.training.recipe import Recipe, save_recipe
from dias.training.run import train
from tiny_run import QUIET, journal, make_files, recipe

_SILENT = -40.0  # log of a standard deviation that changes nothing


@pytest.mark.slow
def test_two_processes_reach_the_weights_that_one_does(tmp_path: Path) -> None:
    chosen = without_chance(tmp_path)
    save_recipe(chosen, tmp_path / "recipe.yaml")
    command = [sys.executable, "-m", "dias.cli.main", "train", str(tmp_path / "recipe.yaml")]
    command += ["--out", str(tmp_path / "two"), "--devices", "2", "--accelerator", "cpu", "--logger", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line["step"] for line in journal(tmp_path / "two")] == [10, 10, 20, 20]
    train(chosen, tmp_path / "one", machine=QUIET)
    assert distance(tmp_path / "one", tmp_path / "two") < 0.01 * distance(
        tmp_path / "start", tmp_path / "one"
    )
    half = replace(chosen, training=replace(chosen.training, batch=2))  # as if each went its own way
    train(half, tmp_path / "half", machine=QUIET)
    assert distance(tmp_path / "one", tmp_path / "half") > 0.1 * distance(
        tmp_path / "start", tmp_path / "one"
    )


def distance(one: Path, other: Path) -> float:
    """Between the last weights of two runs, all numbers as one vector."""
    first, second = (load_file(run / "last.safetensors") for run in (one, other))
    assert first.keys() == second.keys()
    # Adam makes whole steps out of the rounding errors that are all the gradient this one has
    names = first.keys() - {"queries.log_std"}
    return float(sum((first[name] - second[name]).square().sum() for name in names) ** 0.5)


def without_chance(folder: Path) -> Recipe:
    """A recipe in which only the order of the pictures is random: processes draw numbers of their own."""
    decoder = {"kind": "broadcast_mlp", "layers": 2, "hidden": 16}
    start = folder / "start" / "last.safetensors"
    chosen = recipe(
        make_files(folder),
        model={"decoder": decoder, "pca": None},
        training={"start": str(start), "reduce_probability": 0.0},
    )
    torch.manual_seed(0)
    model = chosen.model.build()
    model.queries.log_std.data.fill_(_SILENT)
    save_model(start, model)
    return chosen
