"""Two processes on one machine (gloo) share the batch, train one model, and write it once."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from dias.training.run import train
from tiny_run import QUIET, journal, make_files, recipe, settings


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path: Path) -> None:
    files = make_files(tmp_path)
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(settings(files)))
    command = [sys.executable, "-m", "dias.cli.main", "train", str(file), "--out", str(tmp_path / "two")]
    command += ["--devices", "2", "--accelerator", "cpu", "--logger", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line["step"] for line in journal(tmp_path / "two")] == [10, 10, 20, 20]
    assert (tmp_path / "two" / "best.safetensors").exists()
    one = recipe(files)
    train(one, tmp_path / "one", machine=QUIET)
    alone, together = (load_file(tmp_path / run / "last.safetensors") for run in ("one", "two"))
    # the same pictures in every step; the random numbers of the second process differ
    assert alone.keys() == together.keys()
    assert all(value.isfinite().all() for value in together.values())
    before, after = (journal(tmp_path / run)[0]["loss"] for run in ("one", "two"))
    assert after == pytest.approx(before, rel=0.3)
    assert not all(torch.equal(alone[key], together[key]) for key in alone)
