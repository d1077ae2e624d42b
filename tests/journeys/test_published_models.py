"""A model that ships, and one that is published, as a user meets them."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import Said
from dias.checkpoints import describe, load_model
from dias.inference.dias import Dias
from dias.inference.shortcuts import shipped

ROOT = Path(__file__).parents[2]


def test_a_run_as_a_folder_for_the_hub_and_back(
    dias: Callable[..., Said], tiny: Path, tmp_path: Path
) -> None:
    run, folder = tiny / "run", tmp_path / "published"
    said = dias("convert", run, folder)
    assert said.out.strip() == f"{folder}: README.md, config.json, model.safetensors"
    assert dias("segment", folder, tiny / "pictures", "--out", tmp_path / "found").code == 0
    found = Dias.from_pretrained(folder)(sorted((tiny / "pictures/images").iterdir())[:2])
    assert [mask.shape[1:] for mask in found.masks] == [(40, 48), (40, 48)]

    again = Dias.from_pretrained(folder).save_pretrained(tmp_path / "again")
    assert describe(again) == describe(run)  # settings, origin, notes and the backbone's hash
    assert (again / "README.md").read_text() == (folder / "README.md").read_text()


def test_lightnings_own_checkpoint_of_a_run_converts(
    dias: Callable[..., Said], tiny: Path, tmp_path: Path
) -> None:
    assert dias("convert", tiny / "run/state.ckpt", tmp_path / "m.safetensors").code == 0
    one, other = (load_model(path) for path in (tmp_path / "m.safetensors", tiny / "run/last.safetensors"))
    assert one.config == other.config
    for name, value in other.head_state().items():
        assert torch.equal(one.head_state()[name], value)
    assert describe(tmp_path / "m.safetensors")["notes"]["step"] == 2


def test_what_segment_is_given_is_told_apart(dias: Callable[..., Said], tiny: Path, tmp_path: Path) -> None:
    best = tiny / "run/best.safetensors"
    assert "is a checkpoint; name the pictures after it" in dias("segment", best).line
    pictures = [tiny / "pictures/images/0.png"] * 3
    assert "got 3 paths; name a folder of pictures" in dias("segment", *pictures).line


@pytest.mark.slow
def test_a_stranger_segments_a_photo_with_no_checkpoint_named(tmp_path: Path) -> None:
    """From a wheel, unpacked where the repository is not: what is not in it cannot be found."""
    source = tmp_path / "source"  # a copy: building leaves things behind
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w"]
    subprocess.run([*build, str(tmp_path), str(source)], check=True, capture_output=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(tmp_path / "photo.jpg")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import dias.cli.main as m; m.main()"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, "segment", "photo.jpg"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with Image.open(tmp_path / "segments/photo.overlay.png") as drawn:
        assert drawn.size == (90, 60)


def test_the_model_that_ships_is_small_and_tells_of_itself() -> None:
    files = {file.name: file.stat().st_size for file in shipped().iterdir()}
    assert files.keys() == {"README.md", "config.json", "model.safetensors"}
    assert sum(files.values()) < 8e6
    card = (shipped() / "README.md").read_text()
    for part in ("Metrics", "Data", "Training", "Limits", "seed", "steps", "hardware"):
        assert part in card, part
    for title in ("in distribution", "out of distribution", "photo backgrounds"):
        assert f"| {title} |" in card
