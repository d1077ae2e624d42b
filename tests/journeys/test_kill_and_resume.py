"""A run that is killed (no warning, no cleaning up) goes on with `--resume` to the very same weights."""

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


@pytest.mark.slow
def test_a_killed_run_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    values = settings(make_files(tmp_path))
    values["training"] |= {"steps": 240, "validate_every": 40}
    values["data"]["workers"] = 2
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    train = ("train", recipe, "--accelerator", "cpu", "--logger", "none", "--out")
    killed = tmp_path / "killed"
    process = subprocess.Popen(dias(*train, killed), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (killed / "state.ckpt").exists():
        assert process.poll() is None, "it ended before its first state was saved"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert journal(killed)[-1]["step"] < 240
    subprocess.run(dias(*train, killed, "--resume"), check=True, capture_output=True)
    subprocess.run(dias(*train, tmp_path / "whole"), check=True, capture_output=True)
    one, other = (load_file(run / "last.safetensors") for run in (killed, tmp_path / "whole"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert journal(killed) == journal(tmp_path / "whole")
