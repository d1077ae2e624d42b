"""Two processes that torchrun or the command itself starts: one run, one line, and nothing lost."""

import os
import signal
import sys
from pathlib import Path

import pytest
from stopping import EVERY, assert_same, disturbed, prepared, saved_step, train

TORCHRUN = (
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
    *("-m", "dias.cli.main"),
)
STEPS = 3 * EVERY
TWO = (
    *("--devices", "2", "--set", "data.workers=1"),
    *("--set", "training.batch=4", "--set", f"training.steps={STEPS}"),
)


@pytest.mark.slow
def test_two_processes_stop_at_one_step_and_go_on(tmp_path: Path) -> None:
    """Only one of them is told to stop; started by torchrun the run is the same to the bit."""
    files = prepared(tmp_path)
    picture = files / "pictures" / "images" / "3.png"
    picture.write_bytes(picture.read_bytes()[:60])
    skip = (*TWO, "--set", "data.validation=null", "--set", "data.bad_images=skip")
    whole = train(files, tmp_path / "whole", *skip, start=TORCHRUN)
    assert whole.stderr.count("1 pictures were left out:\nskipped 3.png: ") == 1
    assert whole.stderr.count("memory: about ") == 1
    run = tmp_path / "run"
    done = disturbed(files, run, lambda pid: os.kill(pid, signal.SIGTERM), *skip)
    assert done.returncode == 0, done.stderr
    step = saved_step(run)
    assert EVERY <= step < STEPS
    assert done.stderr.count(f"dias: interrupted at step {step}, nothing lost: go on with --resume") == 1
    assert "Traceback" not in done.stderr
    train(files, run, *skip, "--resume")
    assert_same(run, tmp_path / "whole")
