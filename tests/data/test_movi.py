"""The reader against files that TensorFlow Datasets wrote and read (`miniatures/movi`), and broken ones."""

import json
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dias.data.frames import images_of
from dias.data.samples import ClipSource, picture_of
from dias.data.sources import Movi, MoviConfig, config_for, open_source
from dias.errors import DiasError, FileError, SampleError
from miniatures.records import clip, png, write_movi

MOVI = Path(__file__).parents[1] / "miniatures" / "movi"
CLIPS = [("movi_a", "train", 0), *(("movi_e", "train", i) for i in range(3)), ("movi_e", "validation", 1)]


def opened(path: Path, **settings: Any) -> Movi:
    return MoviConfig(path=str(path), **settings).build()


@pytest.mark.parametrize(("variant", "split", "index"), CLIPS)
def test_a_clip_is_what_tensorflow_datasets_reads(variant: str, split: Any, index: int) -> None:
    with np.load(MOVI / variant / "expected.npz") as arrays:
        expected = {
            name.rpartition("/")[2]: arrays[name] for name in arrays if name.startswith(f"{split}/{index}/")
        }
    source = opened(MOVI / variant, split=split, flow=True, depth=True, checksums=True)
    found = source.read(index)
    assert source.length(index) == len(expected["video"])
    assert np.array_equal(found.frames, expected["video"])
    assert found.mask is not None
    assert np.array_equal(found.mask, expected["segmentations"][..., 0])
    assert found.classes is not None
    assert found.classes.tolist() == expected["classes"].tolist()
    assert found.tracks is not None
    assert found.tracks.tolist() == list(range(1, len(found.classes) + 1))
    for name, values, stored in (
        ("depth", found.depth, expected["depth"][..., 0]),
        (
            "forward_flow",
            found.flow,
            expected["forward_flow"][..., ::-1],
        ),  # Kubric: (delta_row, delta_column)
    ):
        low, high = expected[f"{name}_range"].tolist()
        np.testing.assert_allclose(values, stored / 65535 * (high - low) + low, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(("variant", "split", "index"), CLIPS)
def test_boxes_of_the_masks_are_the_annotated_ones(variant: str, split: Any, index: int) -> None:
    with np.load(MOVI / variant / "expected.npz") as arrays:
        boxes, frames, counts = (
            arrays[f"{split}/{index}/{name}"] for name in ("boxes", "box_frames", "box_counts")
        )
    found = opened(MOVI / variant, split=split).read(index)
    annotated = np.zeros((len(found.frames), len(counts), 4), np.float32)
    annotated[frames, np.repeat(np.arange(len(counts)), counts)] = boxes[:, [1, 0, 3, 2]]  # from y, x, y, x
    assert found.boxes is not None
    np.testing.assert_allclose(found.boxes, annotated, atol=1e-6)
    assert (annotated == 0).all(axis=-1).any()  # some object is not seen in some frame


def test_the_flow_leads_from_an_object_to_where_it_is_next() -> None:
    found = opened(MOVI / "movi_e", flow=True).read(0)
    assert found.mask is not None
    assert found.flow is not None
    y, x = np.argwhere(found.mask[0] == 1)[0]
    right, down = np.rint(found.flow[0, y, x]).astype(int)
    assert (right, down) != (0, 0)
    assert found.mask[1, y + down, x + right] == 1


def test_some_frames_are_those_of_the_whole_clip() -> None:
    source = opened(MOVI / "movi_e", flow=True, depth=True)
    whole, part = source.read(2), source.read(2, [1, 3])
    assert part.numbers == (1, 3)
    for name in ("frames", "mask", "boxes", "flow", "depth"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[[1, 3]])
    assert np.array_equal(part.classes, whole.classes)  # objects keep their numbers


def test_only_the_pictures_asked_for_are_read(tmp_path: Path) -> None:
    features = clip()
    features["video"][0] = features["segmentations"][2] = b"no picture"
    features["normal"] = [b"anything"]
    source = opened(write_movi(tmp_path, [features]))
    assert source.read(0, [1]).frames.shape == (1, 8, 8, 3)
    with pytest.raises(SampleError, match=r"00000-of-00001: record 0: frame 0 of 'video' is no whole PNG"):
        source.read(0, [0])
    with pytest.raises(SampleError, match="frame 2 of 'segmentations'"):
        source.read(0, [2])


def test_flow_and_depth_are_read_only_when_asked_for(tmp_path: Path) -> None:
    features = clip()
    del features["depth"], features["forward_flow"]
    version = write_movi(tmp_path, [features])
    found = opened(version).read(0)
    assert found.flow is None
    assert found.depth is None
    for name in ("depth", "flow"):
        with pytest.raises(SampleError, match=f"has no feature '(forward_)?{name}'"):
            opened(version, **{name: True}).read(0)


def test_clips_are_numbered_through_all_files(tmp_path: Path) -> None:
    clips = [clip(seed=0), clip(seed=1)]
    source = opened(write_movi(tmp_path, clips, files=3))
    assert isinstance(source, ClipSource)
    assert [source.name(index) for index in (0, 1, 5)] == ["train-00000-0", "train-00000-1", "train-00002-1"]
    assert len({source.name(index) for index in range(len(source))}) == len(source) == 6
    assert np.array_equal(source.read(5).frames, source.read(1).frames)
    for outside in (-1, 6):
        with pytest.raises(IndexError):
            source.read(outside)


def test_listing_and_lengths_read_no_record(tmp_path: Path) -> None:
    version = write_movi(tmp_path, files=4)
    for file in version.glob("*.tfrecord-*"):
        file.write_bytes(bytes(file.stat().st_size))
    source = opened(version)
    assert [source.length(index) for index in range(len(source))] == [3] * 4
    with pytest.raises(SampleError, match="record 0"):
        source.read(0)


def test_undeclared_lengths_are_counted(tmp_path: Path) -> None:
    source = opened(write_movi(tmp_path, [clip(frames=2), clip(frames=4)], frames=None))
    assert [source.length(index) for index in range(2)] == [2, 4]
    assert source.read(1, [3]).numbers == (3,)


def test_threads_and_processes_may_share_a_source(tmp_path: Path) -> None:
    source = opened(write_movi(tmp_path, [clip(seed=seed) for seed in range(3)], files=2))
    expected = [source.read(index).frames for index in range(6)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(opened(Path(source.config.path)).read, [*range(6)] * 5))
    assert all(np.array_equal(each.frames, expected[place % 6]) for place, each in enumerate(found))
    assert np.array_equal(pickle.loads(pickle.dumps(source)).read(4).frames, expected[4])


def test_the_fingerprint_goes_by_names_and_sizes(tmp_path: Path) -> None:
    version = write_movi(tmp_path / "one")
    assert opened(version).fingerprint() == opened(write_movi(tmp_path / "two")).fingerprint()
    file = next(version.glob("*.tfrecord-*"))
    file.write_bytes(file.read_bytes() + b"x")
    assert opened(version).fingerprint() != opened(tmp_path / "two" / "movi_c").fingerprint()


@pytest.mark.parametrize("below", ["movi_e/16x16/1.0.0", "movi_e/16x16", "movi_e", "."])
def test_the_path_may_be_any_folder_above(tmp_path: Path, below: str) -> None:
    shutil.copytree(MOVI / "movi_e", tmp_path / "movi_e")
    assert config_for(tmp_path / below, use="train") == MoviConfig(path=str(tmp_path / below))
    assert config_for(tmp_path / below, use="evaluate").splits() == ("train", "validation")
    assert len(open_source(tmp_path / below, use="train")) == 12  # frames
    assert len(open_source(tmp_path / below, settings=["split=validation"])) == 8


def test_several_variants_and_sizes_need_a_choice(tmp_path: Path) -> None:
    for variant, side in (("c", 8), ("c", 16), ("d", 8)):
        write_movi(tmp_path, variant=variant, side=side)
    with pytest.raises(
        DiasError, match=r"several .*movi_c/16x16/1.0.0.*movi_d/8x8.*choose with variant and size"
    ):
        opened(tmp_path)
    assert opened(tmp_path, variant="c", size=16).size == (16, 16)
    assert opened(tmp_path, variant="d").folder == tmp_path / "movi_d" / "8x8" / "1.0.0"
    with pytest.raises(FileError, match="no MOVi data set of variant e, size any"):
        opened(tmp_path, variant="e")


def test_a_split_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiasError, match=r"split: 'test' is not in .*there are: train$"):
        opened(write_movi(tmp_path), split="test")


def test_missing_files_stop_unless_told_otherwise(tmp_path: Path) -> None:
    version = write_movi(tmp_path, files=3)
    next(version.glob("*-00001-of-*")).unlink()
    with pytest.raises(FileError, match=r"00001-of-00003: does not exist; 1 of the 3 files of 'train'"):
        opened(version)
    source = opened(version, partial=True)
    assert [source.name(index) for index in range(len(source))] == ["train-00000-0", "train-00002-0"]


def changed(**features: Any) -> dict[str, Any]:
    return clip() | {name.replace("__", "/"): value for name, value in features.items()}


@pytest.mark.parametrize(
    ("features", "line"),
    [
        (clip(frames=2), "has 2 frames, features.json declares 3"),
        (changed(segmentations=clip()["segmentations"][:2]), "3 frames, but 2 pictures of 'segmentations'"),
        (changed(video=clip(side=9)["video"]), r"frame 0 of 'video' is \(9, 9\).* expected \(8, 8\)"),
        (changed(segmentations=clip()["video"]), r"'segmentations' is .* of mode 'RGB', expected .* 'L'"),
        (changed(instances__category=[3]), "has segment 2, but the classes .* of only 1 objects"),
        (changed(instances__category=[b"Hat"]), "has a bytes_list, expected a int64_list"),
        (changed(instances__category=[1] * 300), "more than 255 numbers"),
        (changed(forward_flow=[1, 2, 3]), "forward_flow of 3 numbers, expected 384"),
        (changed(forward_flow=[1 << 40] * 384), "more than 16 bits"),
        (changed(metadata__depth_range=[1.0]), "depth_range"),
        (changed(metadata__depth_range=[1.0, float("nan")]), "depth_range"),
        (changed(depth=[png(np.zeros((8, 8), np.uint8))] * 3), "'depth' is .* of mode 'L'"),
        ({name: value for name, value in clip().items() if name != "video"}, "has no feature 'video'"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, features: dict[str, Any], line: str) -> None:
    source = opened(write_movi(tmp_path, [features]), flow=True, depth=True)
    with pytest.raises(SampleError, match=f"tfrecord-00000-of-00001: record 0: .*{line}.*; download"):
        source.read(0)


def test_a_damaged_record_leaves_the_others(tmp_path: Path) -> None:
    version = write_movi(tmp_path, [clip(seed=seed) for seed in range(3)])
    file = next(version.glob("*.tfrecord-*"))
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    source = opened(version, checksums=True)
    with pytest.raises(SampleError, match=r"record 1: is damaged: .*CRC-32C"):
        source.read(1)
    assert source.read(2).frames.shape == source.read(0).frames.shape == (3, 8, 8, 3)


def test_a_flipped_bit_never_changes_a_picture_in_silence(tmp_path: Path) -> None:
    version = write_movi(tmp_path)
    file, source = next(version.glob("*.tfrecord-*")), opened(version)
    whole = file.read_bytes()
    start = whole.index(clip()["video"][0])
    for place in range(start, start + len(clip()["video"][0])):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(SampleError, match="frame 0 of 'video'"):
            source.read(0)


@pytest.mark.parametrize(
    ("file", "change", "line"),
    [
        ("dataset_info.json", {"name": "../../movi_c"}, "has a name '../../movi_c'"),
        (
            "dataset_info.json",
            {"splits": [{"name": "train", "shardLengths": ["-1"]}]},
            "expected whole numbers",
        ),
        (
            "dataset_info.json",
            {"splits": [{"name": "train", "shardLengths": ["9" * 30]}]},
            "too few for the 999",
        ),
        ("dataset_info.json", {"splits": "all"}, "has not the expected shape"),
        ("features.json", {"featuresDict": {"features": {}}}, "declares no video 'video'"),
        ("features.json", {}, None),
    ],
)
def test_damaged_json_is_told(tmp_path: Path, file: str, change: dict[str, Any], line: str | None) -> None:
    version = write_movi(tmp_path)
    if line is None:
        os.truncate(version / file, 10)
    else:
        content = json.loads((version / file).read_text())
        (version / file).write_text(json.dumps(content | change))
    with pytest.raises(FileError, match=line or "no JSON, or cut short"):
        opened(version)


def test_training_does_not_look_at_the_masks(tmp_path: Path) -> None:
    """A record whose segmentations are damaged still gives its pictures."""
    write_movi(tmp_path, [changed(segmentations=[b"no picture"] * 3)])
    source = opened(tmp_path)
    with pytest.raises(SampleError, match="segmentations"):
        source.read(0, [1])
    picture = picture_of(images_of(source), 1)
    assert picture.name == f"{source.name(0)}/00001"
    assert picture.mask is None


def test_clips_of_countless_frames_are_refused(tmp_path: Path) -> None:
    version = write_movi(tmp_path)
    content = json.loads((version / "features.json").read_text())
    content["featuresDict"]["features"]["video"]["video"]["shape"]["dimensions"][0] = str(10**12)
    (version / "features.json").write_text(json.dumps(content))
    with pytest.raises(
        FileError, match="declares clips of 1,000,000,000,000 frames, expected at most 10,000"
    ):
        opened(version)
