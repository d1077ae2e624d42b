import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dias.data.frames import ClipFrames, images_of
from dias.data.samples import ClipSource
from dias.data.sources import YtvisConfig, config_for, open_source
from dias.data.sources.ytvis import Ytvis
from dias.errors import FileError, SampleError
from miniatures import ytvis


def opened(folder: Path, **settings: Any) -> Ytvis:
    return YtvisConfig(path=str(folder), **settings).build()


def edited(file: Path, change: Any) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("edition", "train", "evaluate"),
    [("2019", "2019", "2019"), ("2021", "2021", "2021"), ("2022", "2021", "2022"), ("hq", "hq", "hq")],
)
def test_every_edition_is_recognised_where_it_lies(
    edition: Any, train: str, evaluate: str, tmp_path: Path
) -> None:
    folder = ytvis.write(tmp_path, edition)
    for use, split, found in (("train", "train", train), ("evaluate", "valid", evaluate)):
        config = config_for(folder, use=use)  # type: ignore[arg-type]
        assert isinstance(config, YtvisConfig)
        assert (config.split, config.hq) == (split, edition == "hq")
        assert config.splits() == ("train", "valid", "test")
        source = config.build()
        assert isinstance(source, ClipSource)
        assert source.edition == found
        assert [source.name(i) for i in range(len(source))] == list(ytvis.CLIPS)
        assert [source.length(i) for i in range(len(source))] == list(ytvis.CLIPS.values())


def test_hq_beside_2019_is_asked_for(tmp_path: Path) -> None:
    ytvis.write(tmp_path, "2019")
    for split in ("train", "val", "test"):
        (tmp_path / f"ytvis_hq-{split}.json").write_bytes((tmp_path / "train.json").read_bytes())
    assert opened(tmp_path).edition == "2019"
    found = config_for(tmp_path, use="train", settings=["hq=true", "split=valid"])
    assert isinstance(found, YtvisConfig)
    assert found.build().file.name == "ytvis_hq-val.json"


@pytest.mark.parametrize("edition", ["2019", "2021"])  # run lengths as lists, as text
def test_masks_tracks_and_classes(edition: Any, tmp_path: Path) -> None:
    """Against the rectangles that were drawn; the later track lies over the earlier."""
    source = opened(ytvis.write(tmp_path, edition))
    clip = source.read(0)
    assert clip.mask is not None
    assert clip.boxes is not None
    assert clip.classes is not None
    assert clip.tracks is not None
    assert clip.numbers == (0, 1, 2, 3, 4, 5)
    assert clip.classes.tolist() == [3, 1]
    assert clip.tracks.tolist() == [11, 12]
    for place in clip.numbers:
        first, second = ytvis.mask_of(0, place) > 0, ytvis.mask_of(1, place) > 0
        assert (clip.mask[place] == np.where(second, 2, np.where(first, 1, 0))).all()
    assert (clip.boxes[1, 1] == 0).all()  # null
    assert (clip.boxes[2, 1] == 0).all()  # run lengths without a pixel
    np.testing.assert_allclose(clip.boxes[0, 1] * [48, 36, 48, 36], [14, 10, 30, 30])
    assert source.classes[3] == ("lizard" if edition == "2019" else "bird")
    bare = source.read(2)
    assert bare.mask is not None
    assert not bare.mask.any()
    assert bare.boxes is not None
    assert bare.boxes.shape == (5, 0, 4)


def test_some_frames_are_those_of_the_whole(tmp_path: Path) -> None:
    source = opened(ytvis.write(tmp_path))
    whole, some = source.read(0), source.read(0, [1, 4])
    assert some.numbers == (1, 4)
    assert whole.mask is not None
    assert whole.boxes is not None
    assert (some.frames == whole.frames[[1, 4]]).all()
    assert (some.mask == whole.mask[[1, 4]]).all()
    assert (some.boxes == whole.boxes[[1, 4]]).all()
    frames = images_of(source)
    assert len(frames) == 13
    assert frames[4].name == "0043f083b5/00004"
    assert (frames[4].mask == whole.mask[4]).all()


@pytest.mark.parametrize("counts", ["", []])
def test_no_runs_at_all_are_no_pixels(counts: str | list[int], tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    edited(folder / "train.json", lambda content: segmentation(content, {"counts": counts, "size": [36, 48]}))
    mask = opened(folder).read(0, [3]).mask
    assert mask is not None
    assert set(np.unique(mask)) == {0, 2}


@pytest.mark.parametrize("edition", ["2019", "2021"])  # no key at all, null
def test_without_annotations_there_are_no_masks(edition: Any, tmp_path: Path) -> None:
    clip = opened(ytvis.write(tmp_path, edition), split="valid").read(0)
    assert clip.mask is None
    assert clip.boxes is None
    assert clip.tracks is None


def test_a_split_without_annotations_says_so_before_anything_is_read(tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path / "2019")
    told = opened(folder, split="valid").without_masks() or ""
    assert told.startswith(f"{folder / 'valid.json'}: holds no annotations (of valid and test")
    assert "take split=train" in told
    assert ClipFrames(opened(folder, split="valid")).without_masks() == told
    assert ClipFrames(opened(folder)).without_masks() is None
    assert opened(ytvis.write(tmp_path / "2022", "2022"), split="valid").without_masks() is None


def test_the_split_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    (folder / "test.json").unlink()
    assert YtvisConfig(path=str(folder)).splits() == ("train", "valid")
    with pytest.raises(FileError, match=r"has no annotations of test \(looked for test/gt.json, .*test.json"):
        opened(folder, split="test")


def test_a_source_travels_to_other_processes(tmp_path: Path) -> None:
    source = opened(ytvis.write(tmp_path))
    copy = pickle.loads(pickle.dumps(source))
    assert (copy.read(0).mask == source.read(0).mask).all()
    assert copy.fingerprint() == source.fingerprint()


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", "a/../../b.jpg", ""])
def test_names_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    edited(folder / "train.json", lambda content: content["videos"][0]["file_names"].__setitem__(0, name))
    with pytest.raises(FileError, match="not a path below"):
        opened(folder)


def segmentation(content: Any, value: Any) -> None:
    content["annotations"][0]["segmentations"][3] = value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"counts": [3], "size": [36, 48]}, "run lengths over 3 pixels, the picture has 1728"),
        ({"counts": [36 * 48], "size": [48, 36]}, "run lengths of a picture"),
        ({"counts": "oooo", "size": [36, 48]}, "cut short"),
        ([[1, 2, 3, 4]], "a polygon of 4 numbers"),
        (7, "Expected `"),
    ],
)
def test_a_damaged_mask_is_a_fault_of_its_frame_alone(value: Any, message: str, tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    edited(folder / "train.json", lambda content: segmentation(content, value))
    source = opened(folder)
    source.read(0, [0, 1, 2])
    with pytest.raises(SampleError, match=f"annotation 11 of video 1, frame 3: .*{message}"):
        source.read(0)


def test_faults_of_a_clip(tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    edited(folder / "train.json", lambda content: content["annotations"][2]["segmentations"].pop())
    frames = folder / "train" / "JPEGImages" / "0043f083b5"
    (frames / "00005.jpg").unlink()
    Image.new("RGB", (9, 9)).save(frames / "00010.jpg")
    source = opened(folder)
    source.fingerprint()
    with pytest.raises(SampleError, match="1 masks for 2 frames"):
        source.read(1)
    with pytest.raises(SampleError, match=r"00005.jpg: does not exist"):
        source.read(0, [1])
    with pytest.raises(SampleError, match=r"00010.jpg: is \(9, 9\), train.json says \(36, 48\)"):
        source.read(0, [2])


def test_faults_of_the_file(tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    edited(folder / "train.json", lambda content: content["annotations"][0].update(video_id=99))
    with pytest.raises(FileError, match="annotation 11 is of video 99, which is not listed"):
        opened(folder)
    (folder / "train.json").write_text('{"videos": [{"id": 1}]}')
    with pytest.raises(FileError, match="has not the expected shape"):
        open_source(folder, use="train")


def test_clips_of_one_folder_keep_names_of_their_own(tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)

    def twice(content: Any) -> None:
        content["videos"][1]["file_names"] = content["videos"][0]["file_names"][:2]
        content["videos"][2]["file_names"] = []

    edited(folder / "train.json", twice)
    source = opened(folder)
    assert [source.name(i) for i in range(3)] == ["0043f083b5#1", "0043f083b5#2", "#3"]
    with pytest.raises(SampleError, match="names no frame of video #3"):
        source.read(2)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("annotations", "id", 2**63),
        ("annotations", "category_id", 2**63),
        ("videos", "id", -1),
        ("videos", "height", 10**12),
        ("videos", "width", 0),
    ],
)
def test_numbers_have_bounds(part: str, key: str, value: int, tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    edited(folder / "train.json", lambda content: content[part][0].update({key: value}))
    with pytest.raises(FileError, match=rf"has not the expected shape: .*{part}\[0\]\.{key}"):
        opened(folder)


def test_no_two_videos_share_a_number(tmp_path: Path) -> None:
    folder = ytvis.write(tmp_path)
    edited(folder / "train.json", lambda content: content["videos"][1].update(id=1))
    with pytest.raises(FileError, match=r"train\.json: lists video 1 more than once"):
        opened(folder)
