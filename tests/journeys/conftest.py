"""A tiny trained run, and the command line as a user meets it, in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dias.cli.main import main
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
