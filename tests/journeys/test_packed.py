"""From a folder to a pack to a trained model, killed on the way: both end as if undisturbed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from conftest import Said
from miniatures import voc
from tiny_run import journal, make_files, settings


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "dias.cli.main", *(str(word) for word in words)]


def kill(words: list[str], *, when: Callable[[], bool]) -> None:
    """Start a command, and kill it and its processes when it has come so far."""
    process = subprocess.Popen(
        words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not when():
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_pack_is_made_and_refused_in_a_line(dias: Callable[..., Said], tiny: Path, tmp_path: Path) -> None:
    said = dias("data", "pack", tiny / "pictures", tmp_path / "pack", "--per-shard", 3, "--workers", 1)
    assert said.code == 0, said.err
    assert f"{tmp_path / 'pack'}: 8 pictures in 3 shards, 0.00 GB" in said.out
    line = dias("data", "pack", tiny / "pictures", tmp_path / "pack", "--workers", 1).line
    assert "holds a pack made with another settings; choose another folder" in line
    (tmp_path / "pack" / "shard-000002.tar").unlink()
    words = ("train", tiny / "recipe.yaml", "--data", tmp_path / "pack", "--out", tmp_path / "run")
    line = dias(*words, "--accelerator", "cpu", "--set", "data.validation=null").line
    assert "shard-000002.tar: does not exist" in line


@pytest.mark.slow
def test_killed_packing_ends_with_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for i in range(120):
        pixels = np.random.default_rng(i).integers(0, 256, (160, 160, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{i:03}.png", compress_level=1)
    words = ["data", "pack", tmp_path / "pictures", "--per-shard", 4]
    subprocess.run(
        command(*words, tmp_path / "whole", "--workers", 1), check=True, capture_output=True, timeout=300
    )
    pack = tmp_path / "pack"
    for shards in (3, 12):
        kill(
            command(*words, pack, "--workers", 2),
            when=lambda n=shards: len(list(pack.glob("shard-*.tar"))) >= n,
        )
        assert not (pack / "pack.json").exists()
    subprocess.run(command(*words, pack, "--workers", 2), check=True, capture_output=True, timeout=300)
    names = sorted(file.name for file in (tmp_path / "whole").iterdir())
    assert sorted(file.name for file in pack.iterdir()) == names
    for name in names:
        one, other = ((folder / name).read_bytes() for folder in (pack, tmp_path / "whole"))
        assert one.partition(b'"provenance"')[0] == other.partition(b'"provenance"')[0], name


@pytest.mark.slow
def test_training_on_a_pack_goes_on_in_the_middle_of_an_epoch(
    dias: Callable[..., Said], tmp_path: Path
) -> None:
    """Killed with two workers and resumed, it reaches the weights of an undisturbed run without workers."""
    values = settings(make_files(tmp_path))
    assert dias("data", "pack", tmp_path / "pictures", tmp_path / "pack", "--per-shard", 2).code == 0
    values["data"]["train"] = {"kind": "packed", "path": str(tmp_path / "pack"), "window": 2}
    values["training"] |= {"steps": 50, "batch": 3, "validate_every": 25}  # 75 pictures: no whole epoch of 8
    for workers in (0, 2):
        values["data"]["workers"] = workers
        (tmp_path / f"{workers}.yaml").write_text(yaml.safe_dump(values))
    more = ("--accelerator", "cpu", "--logger", "none", "--out")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    said = dias("train", tmp_path / "0.yaml", *more, whole)
    assert said.code == 0, said.err
    words = ("train", tmp_path / "2.yaml", *more, stopped)
    kill(command(*words), when=(stopped / "state.ckpt").exists)
    state = torch.load(stopped / "state.ckpt", weights_only=True)
    assert state["global_step"] * 3 % 8
    subprocess.run(command(*words, "--resume"), check=True, capture_output=True, timeout=300)
    one, other = (load_file(run / "last.safetensors") for run in (stopped, whole))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert journal(stopped) == journal(whole)


def test_eval_says_what_a_pack_is_of_and_whether_it_was_trained_on(
    dias: Callable[..., Said], tmp_path: Path
) -> None:
    """A pack hides its split: the line says it, and the very pictures of the training are a warning."""
    values = settings(make_files(tmp_path))
    devkit = voc.write(tmp_path / "voc").parent
    values["data"]["train"] = {"kind": "voc", "path": str(devkit), "split": "train"}
    values["data"]["validation"] = values["data"]["train"] | {"split": "val"}
    values["training"] |= {"steps": 1, "batch": 2, "validate_every": 1}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    said = dias("train", tmp_path / "recipe.yaml", "--out", tmp_path / "run", "--logger", "none")
    assert said.code == 0, said.err
    for split, more in {"train": (), "val": (), "train-small": ("--size", 20)}.items():
        chosen = f"split={split.partition('-')[0]}"
        packing = ("data", "pack", devkit, tmp_path / split, "--workers", 1, *more)
        assert dias(*packing, "--data-set", chosen).code == 0
    shutil.copy(tmp_path / "run" / "best.safetensors", tmp_path / "moved.safetensors")
    measure = ("eval", tmp_path / "moved.safetensors")
    tail = ("--out", tmp_path / "result.json", "--size", 28, "--weights", tmp_path / "vit")
    warning = f"warning: {tmp_path / 'moved.safetensors'}: was trained on these very pictures"
    for pack in ("train", "train-small"):
        said = dias(*measure, tmp_path / pack, *tail)
        assert said.code == 0, said.err
        assert f"data: packed in {tmp_path / pack}, " in said.err
        assert ", of voc, " in said.err
        assert "split=train, " in said.err
        assert warning in said.err
    stored = json.loads((tmp_path / "result.json").read_text())["data"]
    assert (stored["kind"], stored["of"]["kind"], stored["of"]["split"]) == ("packed", "voc", "train")
    assert warning in dias(*measure, devkit, "--data-set", "split=train", *tail).err
    for other in (tmp_path / "val", devkit):
        said = dias(*measure, other, *tail)
        assert said.code == 0, said.err
        assert "split=val" in said.err
        assert "warning" not in said.err
