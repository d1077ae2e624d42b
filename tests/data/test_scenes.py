"""Rendered scenes that somebody else wrote: what stands in their JSON is checked."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dias.data.sources import open_source
from dias.errors import FileError
from miniatures import scenes

THING = {"class": 0, "box": [0, 0, 1, 1]}


def test_a_scene_has_masks_boxes_and_classes(tmp_path: Path) -> None:
    sample = open_source(scenes.write(tmp_path / "scenes"))[1]
    assert sample.mask is not None
    assert sample.mask.max() == 2
    assert sample.classes is not None
    assert sample.classes.tolist() == [1, 0]
    assert sample.boxes is not None
    assert sample.boxes[1].tolist() == pytest.approx([0.5, 0.4, 0.9, 0.8])


def test_the_format_leads_nowhere_else(tmp_path: Path) -> None:
    folder = scenes.write(tmp_path / "scenes")
    (folder / "images" / "a.").mkdir()
    for index in range(3):
        Image.new("RGB", (20, 20)).save(tmp_path / f"private{index}.png")
    content = json.loads((folder / "scenes.json").read_text())
    content["settings"]["format"] = "/../../../private*.png"
    (folder / "scenes.json").write_text(json.dumps(content))
    with pytest.raises(FileError, match=r"scenes\.json: has not the expected shape: Invalid enum value"):
        open_source(folder)


@pytest.mark.parametrize(
    "scene",
    [{}, [], {"objects": [{}]}, {"objects": [THING | {"class": 2**63}]}, {"objects": [THING | {"box": [0]}]}],
)
def test_a_line_of_another_shape_is_named(scene: Any, tmp_path: Path) -> None:
    folder = scenes.write(tmp_path / "scenes")
    lines = (folder / "objects.jsonl").read_text().splitlines()
    lines[1] = json.dumps(scene)
    (folder / "objects.jsonl").write_text("\n".join(lines))
    with pytest.raises(FileError, match=r"objects\.jsonl, line 2: has not the expected shape.*; render"):
        open_source(folder)
