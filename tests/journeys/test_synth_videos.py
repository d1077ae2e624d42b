"""Clips on the command line: rendered, checked, refused."""

import ctypes.util
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Said

draws = pytest.mark.skipif(not ctypes.util.find_library("EGL"), reason="rendering needs EGL")
TINY = ("--count", 2, "--size", 32, "--frames", 3, "--objects", "2-2", "--workers", 1)


@draws
def test_two_clips_are_rendered_and_are_whole(dias: Callable[..., Said], tmp_path: Path) -> None:
    out = tmp_path / "clips"
    said = dias("synth", "videos", out, *TINY, "--camera", "moving", "--no-depth", "--format", "webp")
    assert (said.code, said.out) == (0, f"{out}: 2 clips of 3 frames\n")
    assert sorted(file.name for file in out.iterdir()) == [
        "clips.json", "flow", "frames", "masks", "objects.jsonl",
    ]  # fmt: skip
    assert len(list(out.glob("frames/00000[01]/0000[012].webp"))) == 6
    before = (out / "clips.json").stat().st_mtime_ns
    assert (
        dias("synth", "videos", out, *TINY, "--camera", "moving", "--no-depth", "--format", "webp").code == 0
    )
    assert (out / "clips.json").stat().st_mtime_ns == before
    said = dias("data", "check", out, "--data-set", "flow=true")
    assert said.code == 0
    assert "all: 2 clips, all read, none faulty" in said.out
    assert "seen / object" in said.out
    (out / "masks" / "000001" / "00002.png").unlink()
    said = dias("data", "check", out)
    assert said.code == 1
    assert "00002.png" in said.out
    assert dias("synth", "videos", out, *TINY).line.endswith(
        "holds clips made with another camera, depth, format; choose another folder"
    )


@pytest.mark.parametrize("objects", ["3", "4-3", "0-2", "3-x", "3-99"])
def test_a_range_of_objects_that_is_none_is_refused(
    objects: str, dias: Callable[..., Said], tmp_path: Path
) -> None:
    said = dias("synth", "videos", tmp_path / "x", "--count", 1, "--objects", objects)
    assert said.line == f"dias: --objects {objects}: expected MIN-MAX with 1 <= MIN <= MAX <= 24, such as 3-8"
    assert not (tmp_path / "x").exists()
