"""Videos with questions on the command line: made, checked, refused."""

import ctypes.util
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Said

draws = pytest.mark.skipif(not ctypes.util.find_library("EGL"), reason="rendering needs EGL")
MINIATURE = Path(__file__).parents[1] / "miniatures" / "clevrer"


@draws
def test_a_video_is_made_and_is_whole(dias: Callable[..., Said], tmp_path: Path) -> None:
    out = tmp_path / "clevrer"
    tiny = ("--clips", 1, "--frames", 16, "--size", "96x64", "--objects", "4-4", "--workers", 1)
    said = dias("synth", "clevrer", out, *tiny)
    assert (said.code, said.out) == (0, f"{out}: 1 + 0 videos of 16 frames, with questions\n")
    assert sorted(file.name for file in out.iterdir()) == [
        "annotation_train", "clevrer.json", "derender_proposals", "train.json", "video_train",
    ]  # fmt: skip
    said = dias("data", "check", out)
    assert said.code == 0, said.out
    assert "train: 1 clips, all read, none faulty" in said.out
    assert dias("synth", "clevrer", out, "--clips", 2, *tiny[2:]).line.endswith(
        "holds clevrer made with another clips; choose another folder"
    )


def test_the_small_set_is_checked_and_listed(dias: Callable[..., Said]) -> None:
    said = dias("data", "check", MINIATURE)
    assert said.code == 0, said.out
    assert "2 clips, all read, none faulty" in said.out
    said = dias("data", "list", "clevrer")
    assert said.code == 0
    assert "annotation_train/" in said.out


def test_a_damaged_set_is_told(dias: Callable[..., Said], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(MINIATURE, tmp_path / "set")
    (tmp_path / "set" / "derender_proposals" / "proposal_00001.json").write_text("{")
    said = dias("data", "check", tmp_path / "set")
    assert said.code == 1
    assert "proposal_00001.json" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--size", "100x100"), "--size 100x100: expected even WIDTHxHEIGHT, 3 to 2, such as 480x320"),
        (("--size", "big"), "--size big: expected even WIDTHxHEIGHT"),
        (("--objects", "2-4"), "--objects 2-4: expected MIN-MAX with 3 <= MIN <= MAX <= 10, such as 4-6"),
    ],
)
def test_what_cannot_be_made_is_refused(
    options: tuple[str, str], message: str, dias: Callable[..., Said], tmp_path: Path
) -> None:
    assert message in dias("synth", "clevrer", tmp_path / "x", "--clips", 1, *options).line
    assert not (tmp_path / "x").exists()
