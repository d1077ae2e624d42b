"""Runs in processes of their own, disturbed while they train, and compared with one that was not."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tiny_run import journal, make_files, settings

EVERY = 41  # steps between two validations: no multiple of an epoch, which has 8 pictures in batches of 3
STEPS = 6 * EVERY
ALONE = (sys.executable, "-m", "dias.cli.main")


def prepared(folder: Path) -> Path:
    values = settings(make_files(folder))
    values["training"] |= {"steps": STEPS, "validate_every": EVERY, "batch": 3}
    values["model"]["decoder"]["width"] = 32  # the state is the largest file
    values["data"]["workers"] = 2
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    return folder


def train(
    files: Path, run: Path, *more: object, start: Sequence[str] = ALONE
) -> subprocess.CompletedProcess[str]:
    """Train to the end; `start` is how the command line is started."""
    words = _words(files, run, more, start)
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=300)


def disturbed(
    files: Path, run: Path, disturb: Callable[[int], object], *more: object
) -> subprocess.CompletedProcess[str]:
    """Start a training, and do something to its process soon after its first state has been saved."""
    process = subprocess.Popen(
        _words(files, run, more, ALONE),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (run / "state.ckpt").exists():
        assert process.poll() is None, "it ended before its first state was saved"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    disturb(process.pid)
    _, errors = process.communicate(timeout=120)
    assert journal(run)[-1]["step"] < STEPS
    return subprocess.CompletedProcess(process.args, process.returncode, "", errors)


def saved_step(run: Path) -> int:
    return int(torch.load(run / "state.ckpt", weights_only=True)["global_step"])


def assert_same(run: Path, whole: Path, *, processes: int = 1) -> None:
    """Weights to the bit, and the journal.

    What several processes have added up when they stop is saved as one mean, which rounds the last digit.
    """
    one, other = (load_file(folder / "last.safetensors") for folder in (run, whole))
    assert all(torch.equal(one[key], other[key]) for key in one)
    last_digit = 0.0 if processes == 1 else 2e-6
    assert journal(run) == [pytest.approx(line, rel=0, abs=last_digit) for line in journal(whole)]


def _words(files: Path, run: Path, more: Sequence[object], start: Sequence[str]) -> list[str]:
    words = ("train", files / "recipe.yaml", "--accelerator", "cpu", "--logger", "none", "--out", run, *more)
    return [*start, *(str(word) for word in words)]
