"""A tiny trained run, the folder of a reader of pages, and the command line as a user meets it."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pages import ROOT
from PIL import Image

from dias.checkpoints import save_model
from dias.cli.main import main
from dias.data.sources import PhotosConfig
from dias.training.recipe import read_recipe
from dias.training.run import train
from tiny_run import QUIET, make_files, recipe, settings


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that a failure says; progress bars do not count."""
        lines = [line for line in self.err.splitlines() if line.startswith("dias:")]
        assert self.code == 2, self.err
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`vit/`, `pictures/`, `recipe.yaml`, and a finished `run/`."""
    folder = make_files(tmp_path_factory.mktemp("journey"))
    train(recipe(folder, training={"steps": 2}), folder / "run", machine=QUIET)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(settings(folder)))
    return folder


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader of README and tutorial would have: the repository's data, pictures, a run of the demo."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "data").symlink_to(ROOT / "data")
    (folder / "pictures").mkdir()
    photos = PhotosConfig().build()
    for index in range(len(photos)):
        name = "cat.jpg" if photos.name(index).startswith("chelsea") else f"{index}.jpg"
        Image.fromarray(photos[index].image).resize((240, 200)).save(folder / "pictures" / name)
    for part, ending in (("images", "webp"), ("masks", "png")):
        (folder / "labelled" / part).mkdir(parents=True)
        for number in range(3):
            name = f"{number:06d}.{ending}"
            shutil.copy(ROOT / "data/scenes/test" / part / name, folder / "labelled" / part / name)
    config = read_recipe("scenes-cpu").model
    save_model(folder / "runs/demo/run/best.safetensors", config.build(backbone=config.backbone.build()))
    return folder


@pytest.fixture
def dias(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["dias", *(str(word) for word in words)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Said(code, *capfd.readouterr())

    return run
