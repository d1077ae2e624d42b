"""Rendered clips are read with all that is known of them; what somebody else wrote there is checked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dias.data.sources import Clips, ClipsConfig, config_for, open_source
from dias.errors import DiasError, FileError, SampleError
from miniatures import rendered_clips


def test_a_clip_has_masks_boxes_classes_flow_depth_and_contacts(tmp_path: Path) -> None:
    found = config_for(
        rendered_clips.write(tmp_path / "set"), use="evaluate", settings=["flow=true", "depth=true"]
    )
    assert isinstance(found, ClipsConfig)
    source = found.build()
    assert (len(source), source.length(1), source.name(1)) == (2, 3, "000001")
    clip = source.read(1)
    assert clip.mask is not None
    assert clip.boxes is not None
    assert clip.classes is not None
    assert clip.tracks is not None
    assert clip.flow is not None
    assert clip.depth is not None
    assert clip.frames[0, 3, 3].tolist() == [90, 61, 1]
    assert [mask.max() for mask in clip.mask] == [1, 1, 2]
    np.testing.assert_allclose(clip.boxes[1], [[0.2, 0.1, 0.45, 0.35], [0, 0, 0, 0]])
    np.testing.assert_allclose(clip.boxes[2, 1], [0, 0.5, 0.2, 0.7])
    assert (clip.classes.tolist(), clip.tracks.tolist()) == ([1, 0], [1, 2])
    assert clip.flow[0, 3, 3].tolist() == [2, 0]
    assert clip.flow[0, 9, 9].tolist() == [0, 0]
    assert np.isnan(clip.flow[0, -1, -1]).all()
    assert clip.depth[0, 3, 3] == pytest.approx(3.5)
    assert source.contacts(0)[0].objects == (0, 1)


def test_some_frames_are_those_of_the_whole_clip(tmp_path: Path) -> None:
    source = ClipsConfig(path=str(rendered_clips.write(tmp_path)), flow=True, depth=True).build()
    whole, some = source.read(0), source.read(0, [0, 2])
    assert some.numbers == (0, 2)
    for field in ("frames", "mask", "boxes", "flow", "depth"):
        np.testing.assert_array_equal(getattr(some, field), getattr(whole, field)[[0, 2]])
    plain = ClipsConfig(path=str(tmp_path)).build().read(0)
    assert plain.flow is None
    assert plain.depth is None


@pytest.mark.parametrize("setting", ["flow", "depth"])
def test_what_was_not_rendered_is_refused_in_a_line(setting: str, tmp_path: Path) -> None:
    change(rendered_clips.write(tmp_path), **{setting: False})
    open_source(tmp_path)
    with pytest.raises(DiasError, match=f"was rendered without {setting}; render the set anew"):
        open_source(tmp_path, settings=[f"{setting}=true"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 3}, r"has 2 clips, clips\.json says 3"),
        ({"format": "/../../x"}, "has not the expected shape: Invalid enum value"),
        ({"frames": 10**9}, "has not the expected shape"),
    ],
)
def test_a_mark_that_does_not_fit_is_named(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    change(rendered_clips.write(tmp_path), **settings)
    with pytest.raises(DiasError, match=message):
        open_source(tmp_path)


def test_damage_in_one_clip_leaves_the_others(tmp_path: Path) -> None:
    source = ClipsConfig(path=str(rendered_clips.write(tmp_path))).build()
    (tmp_path / "masks" / "000000" / "00001.png").unlink()
    Image.new("RGB", (8, 8)).save(tmp_path / "frames" / "000000" / "00002.png")
    with pytest.raises(SampleError, match=r"masks/000000/00001\.png"):
        source.read(0, [0, 1])
    with pytest.raises(SampleError, match=r"00002\.png: is \(8, 8\), clips\.json says \(20, 20\)"):
        source.read(0, [2])
    assert source.read(0, [0]).mask is not None
    assert source.read(1).mask is not None


@pytest.mark.parametrize("line", ["{", "{}", '{"objects": [{"class": 0, "boxes": []}], "contacts": []}'])
def test_a_damaged_line_is_named_when_it_is_read(line: str, tmp_path: Path) -> None:
    rendered_clips.write(tmp_path)
    file = tmp_path / "objects.jsonl"
    file.write_text("\n".join([file.read_text().splitlines()[0], line]))
    source = ClipsConfig(path=str(tmp_path)).build()
    source.read(0)
    with pytest.raises(SampleError, match=r"objects\.jsonl, line 2: .*; render the set anew$"):
        source.read(1)


def test_a_segment_that_no_object_has_is_named(tmp_path: Path) -> None:
    source = Clips(rendered_clips.write(tmp_path))
    Image.new("L", (20, 20), 3).save(tmp_path / "masks" / "000001" / "00000.png")
    with pytest.raises(SampleError, match=r"has segment 3, objects\.jsonl knows 2"):
        source.read(1, [0])


def test_an_unfinished_set_says_how_to_finish_it(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "clip-settings.json").write_text("{}")
    with pytest.raises(FileError, match="run the same `dias synth videos` again to finish it"):
        open_source(tmp_path)


def change(folder: Path, **settings: Any) -> None:
    content = json.loads((folder / "clips.json").read_text())
    content["settings"] |= settings
    (folder / "clips.json").write_text(json.dumps(content))
