"""Rendered scenes that somebody else wrote: what stands in their JSON is checked."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dias.data.samples import class_names_of
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


def test_classes_are_shapes_or_patterns(tmp_path: Path) -> None:
    """And are called as the folder calls them."""
    folder = scenes.write(tmp_path / "scenes")
    assert class_names_of(open_source(folder)) == {}
    content = json.loads((folder / "scenes.json").read_text()) | {"classes": ["sphere", "box"]}
    (folder / "scenes.json").write_text(json.dumps(content))
    assert class_names_of(open_source(folder)) == {0: "sphere", 1: "box"}
    with pytest.raises(
        FileError, match=r"line 1: an object's pattern is '', expected one of checker, .*; leave"
    ):
        open_source(folder, settings=["label=pattern"])
    lines = (folder / "objects.jsonl").read_text()
    patterns = lines.replace('"shape": "box"', '"pattern": "rings"')
    (folder / "objects.jsonl").write_text(patterns.replace('"shape": "sphere"', '"pattern": "stripes"'))
    source = open_source(folder, settings=["label=pattern"])
    names, classes = class_names_of(source), source[0].classes
    assert classes is not None
    assert [names[number] for number in classes.tolist()] == ["rings", "stripes"]
    assert open_source(folder)[0].classes.tolist() == [1, 0]  # type: ignore[union-attr]


def test_clips_and_their_frames_tell_what_classes_are_called() -> None:
    frames = open_source(Path(__file__).parents[2] / "data" / "clips" / "moving")
    assert class_names_of(frames)[1] == "box"
