"""A run that is stopped, politely or with no warning, goes on with `--resume` to the very same weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tiny_run import journal, make_files, settings


def dias(*words: object) -> list[str]:
    return [sys.executable, "-m", "dias.cli.main", *(str(word) for word in words)]


EVERY = 40  # steps between two validations


def stop(train: list[object], folder: Path, *, with_: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Start a training, and send it a signal soon after its first state has been saved."""
    process = subprocess.Popen(
        dias(*train, folder),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (folder / "state.ckpt").exists():
        assert process.poll() is None, "it ended before its first state was saved"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    if with_ == signal.SIGTERM:
        process.terminate()
    else:
        os.killpg(process.pid, with_)  # a terminal's Ctrl-C reaches the workers too
    _, errors = process.communicate(timeout=120)
    assert journal(folder)[-1]["step"] < 240
    return subprocess.CompletedProcess(process.args, process.returncode, "", errors)


@pytest.mark.slow
def test_a_stopped_run_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    values = settings(make_files(tmp_path))
    values["training"] |= {"steps": 240, "validate_every": EVERY}
    values["data"]["workers"] = 2
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    train = ["train", recipe, "--accelerator", "cpu", "--logger", "none", "--out"]
    whole = tmp_path / "whole"
    subprocess.run(dias(*train, whole), check=True, capture_output=True, timeout=300)
    for name in ("SIGKILL", "SIGTERM", "SIGINT"):
        stopped = tmp_path / name
        done = stop(train, stopped, with_=signal.Signals[name])
        if name == "SIGKILL":
            assert done.returncode == -signal.SIGKILL
        else:
            assert done.returncode == 2
            assert "nothing lost: go on with --resume" in done.stderr
            state = torch.load(stopped / "state.ckpt", weights_only=True)
            assert f"interrupted at step {state['global_step']}," in done.stderr
        subprocess.run(dias(*train, stopped, "--resume"), check=True, capture_output=True, timeout=300)
        one, other = (load_file(run / "last.safetensors") for run in (stopped, whole))
        assert all(torch.equal(one[key], other[key]) for key in one), name
        assert journal(stopped) == journal(whole), name
