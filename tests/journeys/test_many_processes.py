"""Two processes that torchrun or the command itself starts: one run, one line, and nothing lost."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
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


OTHERS = "dias: another process failed; "


def kill_a_process(pid: int, files: Path) -> None:
    """The second of the two."""
    os.kill(next(child for child in children(pid) if started_anew(child)), signal.SIGKILL)


def kill_a_data_worker(pid: int, files: Path) -> None:
    """One of the first process."""
    os.kill(next(child for child in children(pid) if not started_anew(child)), signal.SIGKILL)


def spoil_a_picture(pid: int, files: Path) -> None:
    """One that both meet sooner or later."""
    (files / "pictures" / "images" / "3.png").write_bytes(b"no picture")


def children(pid: int) -> list[int]:
    """Processes that one has started, in that order."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def started_anew(pid: int) -> bool:
    """Whether a process is one that trains: those that read pictures are forks, with its environment."""
    return b"LOCAL_RANK=1" in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("disturb", "told"),
    [
        (kill_a_process, OTHERS),
        (kill_a_data_worker, "dias: a process that reads pictures died; "),
        (spoil_a_picture, "3.png: "),
    ],
)
def test_what_breaks_in_one_process_ends_all_with_a_line_each(
    tmp_path: Path, disturb: Callable[[int, Path], None], told: str
) -> None:
    files, run = prepared(tmp_path), tmp_path / "run"
    held_out = ("--set", f"data.validation.path={copied(files)}", "--set", "data.validation.masks=null")
    done = disturbed(files, run, lambda pid: disturb(pid, files), *TWO, *held_out)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("dias: ")]
    assert any(told in line for line in lines), done.stderr
    assert all("is saved" in line and line.endswith("go on with --resume") for line in lines), done.stderr
    assert len(lines) == (1 if disturb is kill_a_process else 2), done.stderr
    if disturb is kill_a_process:
        return
    step = saved_step(run)
    assert step > EVERY  # saved when it broke, not at the validation before
    assert all(line.endswith(f"; step {step} is saved: go on with --resume") for line in lines), done.stderr
    if disturb is spoil_a_picture:
        return
    train(files, run, *TWO, *held_out, "--resume")
    assert saved_step(run) == STEPS
    train(files, tmp_path / "whole", *TWO, *held_out)
    assert_same(run, tmp_path / "whole", processes=2)


def copied(files: Path) -> Path:
    """The pictures again, to validate on those that nobody spoils."""
    return Path(shutil.copytree(files / "pictures" / "images", files / "copies"))


@pytest.mark.slow
def test_two_processes_stop_at_one_step_and_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one of them is told to stop; started by torchrun the run is the same to the bit."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as torchrun does: sums are rounded by how they are split
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
    assert_same(run, tmp_path / "whole", processes=2)
