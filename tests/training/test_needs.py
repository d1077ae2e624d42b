"""A run says before it starts what it will need, and does not start where it cannot end."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dias.errors import DiasError
from dias.training import needs
from dias.training.needs import Needs, free_memory, needs_of
from dias.training.recipe import Recipe
from dias.training.run import Machine, train
from tiny_run import QUIET, make_files, recipe


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tiny"))


def needs_for(chosen: Recipe, *, devices: int = 1) -> Needs:
    model = chosen.model.build(backbone=chosen.model.backbone.build())
    return needs_of(chosen, model, chosen.data.train.build(), devices=devices, nodes=1)


def test_it_is_said_in_two_lines(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(
        recipe(files, training={"steps": 2}),
        tmp_path / "run",
        machine=Machine(accelerator="cpu", logger="none"),
    )
    memory, disk = capsys.readouterr().err.splitlines()[:2]
    assert memory.startswith("memory: about 0.")
    assert "(weights " in memory
    assert disk.startswith("disk: about ")
    assert f" in {tmp_path / 'run'}; " in disk


def test_disk_covers_what_a_run_leaves(files: Path, tmp_path: Path) -> None:
    chosen = recipe(files)
    train(chosen, tmp_path / "run", machine=Machine(accelerator="cpu", progress=False))
    left = sum(file.stat().st_size for file in (tmp_path / "run").rglob("*") if file.is_file())
    assert left <= needs_for(chosen).disk + 20_000  # recipe.yaml and provenance.json


def test_activations_go_by_the_part_of_a_batch(files: Path) -> None:
    def activations(**training: Any) -> int:
        return needs_for(recipe(files, training=training)).activations

    whole, large = activations(batch=64), activations(batch=128)
    assert large == pytest.approx(2 * whole, rel=0.05)
    assert activations(batch=128, accumulate=2) == pytest.approx(whole, rel=0.05)
    two = needs_for(recipe(files, training={"batch": 128}), devices=2)
    assert two.activations == pytest.approx(whole, rel=0.05)
    assert two.memory > 2 * two.activations


def test_looking_changes_no_random_number(files: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    chosen = recipe(files)
    model = chosen.model.build(backbone=chosen.model.backbone.build())
    torch.set_rng_state(before)
    needs_of(chosen, model, chosen.data.train.build(), devices=1, nodes=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(value.grad is None for value in model.parameters())


def test_a_disk_that_is_too_small_is_refused(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    with pytest.raises(DiasError, match=r"run: the run will need .*, 0 MB are free; free space"):
        train(recipe(files), tmp_path / "run", machine=QUIET)
    assert not (tmp_path / "run").exists()


def test_too_little_memory_is_only_a_warning(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "free_memory", lambda: 1000)
    train(recipe(files, training={"steps": 1}), tmp_path / "run", machine=QUIET)
    assert "warning: memory may not suffice" in capsys.readouterr().err


@pytest.mark.parametrize(("limit", "expected"), [("max", 4_096_000), ("3000000", 1_000_000), ("10", 0)])
def test_a_jobs_limit_counts(monkeypatch: pytest.MonkeyPatch, limit: str, expected: int) -> None:
    texts = {
        "/proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 4000 kB\n",
        "/proc/self/cgroup": "0::/job/7\n",
        "/sys/fs/cgroup/job/7/memory.max": f"{limit}\n",
        "/sys/fs/cgroup/job/7/memory.current": "2000000\n",
    }
    monkeypatch.setattr(Path, "read_text", _from(texts))
    assert free_memory() == expected


def test_where_the_system_says_nothing_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", _from({}))
    assert free_memory() is None


def _from(texts: dict[str, str]) -> Callable[[Path], str]:
    def read_text(path: Path) -> str:
        if os.fspath(path) not in texts:
            raise FileNotFoundError(path)
        return texts[os.fspath(path)]

    return read_text
