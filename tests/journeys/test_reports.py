"""Reports as a user asks for them: of an evaluation, and of two side by side."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Said


@pytest.fixture
def odd(tiny: Path, tmp_path: Path) -> Path:
    """The same pictures under names that are markup."""
    for part in ("images", "masks"):
        (tmp_path / "odd" / part).mkdir(parents=True)
        for file in (tiny / "pictures" / part).iterdir():
            shutil.copy(file, tmp_path / "odd" / part / f"<i>{file.name}")
    return tmp_path / "odd"


def test_from_an_evaluation_to_the_pages(
    dias: Callable[..., Said], tiny: Path, odd: Path, tmp_path: Path
) -> None:
    one, other, page = (tmp_path / name for name in ("one.json", "other.json", "page.html"))
    said = dias("eval", tiny / "run", odd, "--size", 28, "--out", one, "--report", page, "--closely", 1)
    assert said.code == 0, said.err
    text = page.read_text()
    assert "<i>" not in text
    assert text.count('<div class="look"') == 2
    evaluation = json.loads(one.read_text())["evaluations"][0]
    for name in evaluation["names"]:
        assert name.replace("<", "&lt;").replace(">", "&gt;") in text
    for value in evaluation["provenance"]["hashes"].values():
        assert value in text

    assert dias("eval", tiny / "run", odd, "--size", 28, "--threshold", 0.6, "--out", other).code == 0
    said = dias("report", "diff", one, other, "--out", tmp_path / "diff.html", "--count", 1)
    assert said.code == 0, said.err
    assert "no pictures" not in said.err
    drawn = (tmp_path / "diff.html").read_text()
    assert "<i>" not in drawn
    shutil.rmtree(odd)
    said = dias("report", "diff", one, other, "--out", tmp_path / "bare.html")
    assert said.code == 0
    assert "no pictures" in said.err
    assert (tmp_path / "bare.html").exists()


def test_what_cannot_be_compared_is_a_line(dias: Callable[..., Said], tiny: Path, tmp_path: Path) -> None:
    said = dias("report", "diff", tiny / "run", tiny / "run", "--out", tmp_path / "x.html")
    assert "two result files of `dias eval`, or two runs or checkpoints with --data" in said.line
    said = dias("report", "diff", tmp_path / "no.json", tmp_path / "no.json", "--out", tmp_path / "x.html")
    assert "no.json" in said.line


def test_a_run_needs_no_verb_of_its_own(dias: Callable[..., Said], tiny: Path, tmp_path: Path) -> None:
    assert dias("report", tiny / "run", "--out", tmp_path / "run.html").code == 0
    assert dias("report", "run", tiny / "run", "--out", tmp_path / "same.html").code == 0
    assert (tmp_path / "run.html").read_text() == (tmp_path / "same.html").read_text()
