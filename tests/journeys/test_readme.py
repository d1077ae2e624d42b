"""The README is true: every `dias` command and Python block in it is run, in its order, in one folder.

Training is shortened to two steps. `make demo` and `make test` are run as they are before a release.
"""

import ctypes.util
import re
import sys
from pathlib import Path

import pytest
from pages import ROOT, blocks, commands, run, run_dias
from PIL import Image

from dias.checkpoints import save_model
from dias.data.sources import PhotosConfig
from dias.training.recipe import read_recipe

README = "README.md"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader of the README would have: the repository's data, pictures, and a run of the demo."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "data").symlink_to(ROOT / "data")
    (folder / "pictures").mkdir()
    photos = PhotosConfig().build()
    for index in range(len(photos)):
        name = "cat.jpg" if photos.name(index).startswith("chelsea") else f"{index}.jpg"
        Image.fromarray(photos[index].image).resize((240, 200)).save(folder / "pictures" / name)
    config = read_recipe("scenes-cpu").model
    save_model(folder / "runs/demo/run/best.safetensors", config.build(backbone=config.backbone.build()))
    return folder


@pytest.mark.slow
def test_every_command_works(home: Path) -> None:
    ours = [words[1:] for words in commands(README) if words[0] == "dias"]
    assert len(ours) >= 12
    for words in ours:
        if words[0] == "synth" and not ctypes.util.find_library("EGL"):
            continue
        run_dias(words, home)
    for made in (
        "segments/segments.json",
        "features",
        "runs/mine/best.safetensors",
        "result.json",
        "report.html",
    ):
        assert (home / made).exists()


def test_every_python_block_works(home: Path) -> None:
    assert len(blocks(README, "python")) == 2
    for block in blocks(README, "python"):
        run([sys.executable, "-c", block], home)


def test_other_commands_are_those_of_the_makefile() -> None:
    others = [words for words in commands(README) if words[0] != "dias"]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for words in others:
        assert words[0] in ("make", "pip")
        assert words[0] != "make" or words[1] in targets


def test_files_that_it_names_exist() -> None:
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", (ROOT / README).read_text(encoding="utf-8")):
        assert (ROOT / link).exists(), link
