"""A run that is stopped, by whatever breaks, goes on with `--resume` to the very same weights."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stopping import EVERY, assert_same, disturbed, prepared, saved_step, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`recipe.yaml`, its pictures, and `whole/`: a run that nothing disturbed."""
    folder = prepared(tmp_path_factory.mktemp("files"))
    train(folder, folder / "whole")
    return folder


def test_without_a_warning(files: Path, tmp_path: Path) -> None:
    done = disturbed(files, tmp_path, lambda pid: os.killpg(pid, signal.SIGKILL))
    assert done.returncode == -signal.SIGKILL
    train(files, tmp_path, "--resume")
    assert_same(tmp_path, files / "whole")


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGUSR1", 0), ("SIGINT", 130)])
def test_by_a_signal_to_all_its_processes(files: Path, tmp_path: Path, name: str, code: int) -> None:
    """A scheduler's SIGTERM and a terminal's Ctrl-C reach the workers too."""
    done = disturbed(files, tmp_path, lambda pid: os.killpg(pid, signal.Signals[name]))
    assert done.returncode == code, done.stderr
    assert (
        f"dias: interrupted at step {saved_step(tmp_path)}, nothing lost: go on with --resume" in done.stderr
    )
    assert "Traceback" not in done.stderr
    train(files, tmp_path, "--resume")
    assert_same(tmp_path, files / "whole")


_LONG_READING = """
import sys, time
from pathlib import Path
from dias.cli.main import main
import dias.training.held_out as held_out
read = held_out.evaluation_batches
def slowly(part, **how):
    Path("STARTED").touch()
    for _ in range(50):
        time.sleep(0.1)
    yield from read(part, **how)
held_out.evaluation_batches = slowly
main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGUSR1", 0), ("SIGINT", 130)])
def test_by_a_signal_before_the_first_step(files: Path, tmp_path: Path, name: str, code: int) -> None:
    """While held-out pictures are read; under SLURM too, where Lightning has handlers of its own."""
    started, run = tmp_path / "started", tmp_path / "run"
    words = ["train", files / "recipe.yaml", "--accelerator=cpu", "--logger=none", f"--out={run}"]
    process = subprocess.Popen(
        [sys.executable, "-c", _LONG_READING.replace("STARTED", str(started)), *words],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"SLURM_NTASKS": "1", "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "dias"}
        | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NTASKS_PER_NODE": "1"},
    )
    deadline = time.monotonic() + 120
    while not started.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.Signals[name])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert errors.splitlines()[-1] == "dias: interrupted at step 0, nothing lost: go on with --resume"
    assert "Traceback" not in errors
    assert saved_step(run) == 0
    assert not (run / "metrics.jsonl").exists()
    assert not list(run.glob("hpc_ckpt*"))
    train(files, run, "--resume")
    assert_same(run, files / "whole")


_LONG_STEP = """
import time
from pathlib import Path
from dias.cli.main import main
from dias.training.module import ImageTraining
def step(module, batch, batch_idx):
    Path("STARTED").touch()
    for _ in range(600):
        time.sleep(0.1)
ImageTraining.training_step = step
main()
"""


def test_a_second_signal_does_not_wait_for_the_step(files: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    words = ["train", files / "recipe.yaml", f"--out={tmp_path}"]
    code = _LONG_STEP.replace("STARTED", str(started))
    process = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not started.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for _ in range(2):  # what a launcher passes on, right after, is still the first
        process.terminate()
        time.sleep(0.3)
    time.sleep(2)
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=20) == -signal.SIGTERM


def test_by_the_death_of_a_data_worker(files: Path, tmp_path: Path) -> None:
    def kill_one(pid: int) -> None:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)

    done = disturbed(files, tmp_path, kill_one)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("dias: ")]
    step = saved_step(tmp_path)
    assert len(lines) == 1
    assert lines[0].startswith("dias: a process that reads pictures died")
    assert lines[0].endswith(f"step {step} is saved: go on with --resume")
    assert step > EVERY
    train(files, tmp_path, "--resume")
    assert_same(tmp_path, files / "whole")


def test_by_a_picture_that_goes_bad(files: Path, tmp_path: Path) -> None:
    """Stopped in the middle of an epoch, mended, and nothing is lost."""
    picture = files / "pictures" / "images" / "3.png"
    whole = picture.read_bytes()
    try:
        done = disturbed(files, tmp_path, lambda _: picture.write_bytes(whole[:60]))
    finally:
        picture.write_bytes(whole)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"dias: {picture}: is damaged or truncated")
    assert line.endswith(f"step {saved_step(tmp_path)} is saved: go on with --resume")
    train(files, tmp_path, "--resume")
    assert_same(tmp_path, files / "whole")


def test_by_a_disk_that_is_full_at_a_checkpoint(files: Path, tmp_path: Path) -> None:
    """The kernel refuses files of the size of the state; the one before survives."""

    def fill(pid: int) -> None:
        size = (tmp_path / "state.ckpt").stat().st_size - 1
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))

    done = disturbed(files, tmp_path, fill)
    assert done.returncode == 2
    assert "state.ckpt: could not be written (File too large); free space" in done.stderr.splitlines()[-1]
    assert saved_step(tmp_path) % EVERY == 0
    assert not list(tmp_path.glob(".*part"))
    train(files, tmp_path, "--resume")
    assert_same(tmp_path, files / "whole")


def test_with_a_bad_picture_that_is_skipped(tmp_path: Path) -> None:
    """What is shown in its place follows from the files alone, so that a resumed run shows the same."""
    files = prepared(tmp_path)
    picture = files / "pictures" / "images" / "3.png"
    picture.write_bytes(picture.read_bytes()[:60])
    alone = ("--set", "data.validation=null", "--set", "data.bad_images=skip")
    whole = train(files, tmp_path / "whole", *alone)
    assert whole.stderr.splitlines()[-2] == "1 pictures were left out:"
    assert whole.stderr.splitlines()[-1].startswith("skipped 3.png: is damaged or truncated")
    run = tmp_path / "run"
    disturbed(files, run, lambda pid: os.killpg(pid, signal.SIGKILL), *alone)
    again = train(files, run, *alone, "--resume")
    assert again.stderr.splitlines()[-1] == whole.stderr.splitlines()[-1]
    assert_same(run, tmp_path / "whole")
