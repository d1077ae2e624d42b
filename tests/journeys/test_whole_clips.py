"""`dias eval --clips`, as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Said

Dias = Callable[..., Said]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two clips of three and four frames: a bright square that moves to the right."""
    for clip, length in (("one", 3), ("two", 4)):
        for folder in ("clips", "masks"):
            (tmp_path / "data" / folder / clip).mkdir(parents=True)
        for frame in range(length):
            mask = np.zeros((56, 56), dtype=np.uint8)
            mask[14:42, 7 * frame : 7 * frame + 28] = 1
            Image.fromarray(mask * 200).convert("RGB").save(tmp_path / f"data/clips/{clip}/{frame}.png")
            Image.fromarray(mask).save(tmp_path / f"data/masks/{clip}/{frame}.png")
    return tmp_path / "data"


def test_clips_are_measured_as_wholes_beside_their_frames(
    tiny: Path, clips: Path, tmp_path: Path, dias: Dias
) -> None:
    out, whole = tmp_path / "result.json", tmp_path / "clips.json"
    said = dias("eval", tiny / "run", clips, "--size", 56, "--out", out, "--clips", whole)
    assert said.code == 0, said.err
    assert "2 clips, 7 frames, protocol dias+size=56, percent." in said.out
    (found,) = json.loads(whole.read_text())["evaluations"]
    assert found["names"] == ["one", "two"]
    assert found["frames"] == [3, 4]
    (frames,) = json.loads(out.read_text())["evaluations"]
    final = [row for row in frames["rows"] if row["variant"] == "final"]
    beside = next((row for row in final if row["map"] == "decoder"), final[-1])["mean"]
    for metric in ("ari", "ari_foreground", "mbo", "miou"):
        assert found["mean"]["per_frame"][metric] == pytest.approx(beside[metric], abs=1e-12)
    assert found["mean"]["whole"] != found["mean"]["per_frame"]


def test_a_data_set_of_images_has_no_clips(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    whole = tmp_path / "clips.json"
    said = dias("eval", tiny / "run", tiny / "pictures", "--out", tmp_path / "x.json", "--clips", whole)
    assert said.code == 2
    assert "the data set has images; give clips" in said.line
    assert not (tmp_path / "x.json").exists()
