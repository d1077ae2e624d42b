"""cost.json: adds up over parts, stages and resumed runs, and counts what workers do."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from dias.data.loaders import Batch
from dias.errors import FileError
from dias.training.cost import FILE, Cost, Spent, cost_of, cpu_seconds, peak_memory
from dias.training.module import ImageTraining
from dias.training.run import train
from tiny_run import QUIET, make_files, recipe

SOME = Cost(
    setup=Spent(seconds=1.0, cpu_seconds=2.0),
    training=Spent(seconds=10.0, cpu_seconds=20.0),
    validation=Spent(seconds=3.0, cpu_seconds=4.0),
    steps=5,
    pictures=40,
    peak_memory=100,
    peak_gpu_memory=None,
    trained_parameters=7,
    frozen_parameters=9,
    provenance={"command": "dias train"},
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("cost"))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    SOME.save(tmp_path / FILE)
    assert Cost.load(tmp_path / FILE) == SOME
    assert SOME.pictures_per_second == 4
    assert SOME.total == Spent(seconds=14.0, cpu_seconds=26.0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "dias-cost-1"}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileError, match="No such file"):
        Cost.load(tmp_path / FILE)
    (tmp_path / FILE).write_text(text)
    with pytest.raises(FileError, match="is no cost of a run"):
        Cost.load(tmp_path / FILE)


def test_stages_add_up(tmp_path: Path) -> None:
    """A student's teacher may have a tokenizer of its own."""
    SOME.save(tmp_path / FILE)
    for stage in ("teacher", "teacher/tokenizer"):
        (tmp_path / stage).mkdir()
        replace(SOME, peak_memory=200, peak_gpu_memory=50).save(tmp_path / stage / FILE)
    found = cost_of(tmp_path)
    assert found.total == Spent(seconds=42.0, cpu_seconds=78.0)
    assert (found.steps, found.pictures, found.pictures_per_second) == (15, 120, 4)
    assert (found.peak_memory, found.peak_gpu_memory) == (200, 50)
    assert (found.trained_parameters, found.frozen_parameters) == (21, 9)


def test_a_run_tells_its_cost(files: Path, tmp_path: Path) -> None:
    started, worked = time.monotonic(), cpu_seconds()
    train(recipe(files, training={"steps": 20}), tmp_path, machine=QUIET)
    cost = cost_of(tmp_path)
    assert (cost.steps, cost.pictures) == (20, 80)
    for part in (cost.setup, cost.training, cost.validation):
        assert part.seconds > 0
        assert part.cpu_seconds >= 0
    assert 0.5 * (time.monotonic() - started) < cost.total.seconds < time.monotonic() - started
    assert cost.total.cpu_seconds <= cpu_seconds() - worked
    assert cost.peak_memory > 100e6
    assert cost.peak_gpu_memory is None
    assert cost.trained_parameters > 0
    assert cost.frozen_parameters > cost.trained_parameters  # the tiny ViT
    assert cost.provenance["hardware"]["threads"] >= 1


def test_a_resumed_run_adds_to_what_its_state_had_cost(files: Path, tmp_path: Path) -> None:
    step, calls = ImageTraining.training_step, list[int]()

    def some(module: ImageTraining, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        calls.append(batch_idx)
        if len(calls) > 13:
            raise OSError("here")
        return step(module, batch, batch_idx)

    whole = recipe(files, training={"steps": 20, "validate_every": 10})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageTraining, "training_step", some)
        with pytest.raises(OSError, match="here"):
            train(whole, tmp_path, machine=QUIET)
    before = Cost.load(tmp_path / FILE)
    train(whole, tmp_path, machine=QUIET, resume=True)
    after = Cost.load(tmp_path / FILE)
    assert (before.steps, after.steps) == (10, 20)
    assert after.training.seconds > before.training.seconds
    assert after.setup.seconds > before.setup.seconds
    assert after.peak_memory >= before.peak_memory


def test_work_of_processes_that_run_and_of_those_that_have_ended_counts() -> None:
    work = "import time\nwhile time.process_time() < 0.4: pass\nprint(1, flush=True)\ninput()"
    before = cpu_seconds()
    child = subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    running = cpu_seconds() - before
    child.communicate("\n")
    ended = cpu_seconds() - before
    assert running >= 0.3
    assert ended >= running - 0.05


def test_the_peak_is_this_process_own() -> None:
    code = "from dias.training.cost import peak_memory; print(peak_memory())"
    _ = bytearray(300_000_000)
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 10e6 < int(child.stdout) < peak_memory() + 500e6
