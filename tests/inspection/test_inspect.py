"""A whole set passes, a broken one names exactly its broken files, statistics are those of the masks."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dias.data.images import read_image
from dias.data.samples import ImageSample
from dias.data.sources import open_source
from dias.data.sources.photos import PhotosConfig
from dias.errors import DiasError
from dias.inspection import inspect
from dias.inspection.findings import Bar, Inspection
from dias.inspection.statistics import _bars
from dias.inspection.text import settings
from miniatures import coco, voc
from toy_clips import ToyClipsConfig, make_toy_clips


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve photos of 40 x 30 pixels; photo i has i % 4 objects of 10 x 10 pixels."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (12, 30, 40, 3), dtype=np.uint8)
    for i in range(12):
        mask = np.zeros((30, 40), dtype=np.uint8)
        for number in range(1, i % 4 + 1):
            mask[:10, 10 * number : 10 * number + 10] = number
        Image.fromarray(noise[i]).save(tmp_path / "images" / f"{i:02d}.jpg")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i:02d}.png")
    return tmp_path


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("dias.data.sources._RECOGNISED", (ToyClipsConfig,))
    return make_toy_clips(tmp_path / "toys")


def look(path: Path, **more: object) -> Inspection:
    return inspect(path, progress=False, jobs=2, **more)


def test_a_whole_set_has_no_faults_and_the_statistics_of_its_masks(folder: Path) -> None:
    [part] = (found := look(folder)).parts
    assert (found.kind, found.title, found.faults, found.stopped) == (
        "folder",
        "Images of your own",
        (),
        False,
    )
    assert (part.listed, part.read, part.published, part.differs) == (12, 12, (), False)
    seen = part.statistics
    assert seen is not None
    assert (seen.widths.median, seen.heights.median) == (40, 30)
    assert seen.objects == tuple(Bar(label=str(number), count=3) for number in range(4))
    assert (seen.without_masks, seen.without_objects) == (0, 3)
    assert seen.area is not None
    assert seen.area.least == seen.area.most == pytest.approx(100 / 1200)
    assert {bar.label: bar.count for bar in seen.areas if bar.count} == {"5 to 20%": 18}
    assert seen.clips is None


def test_exactly_the_broken_files_are_named(folder: Path) -> None:
    photo = (folder / "images" / "03.jpg").read_bytes()
    (folder / "images" / "03.jpg").write_bytes(photo[: len(photo) // 2])
    (folder / "images" / "04.jpg").write_text("no photo")
    (folder / "masks" / "07.png").unlink()
    Image.new("L", (40, 31)).save(folder / "masks" / "09.png")
    found = look(folder)
    assert [fault.name for fault in found.faults] == ["03.jpg", "04.jpg", "07.jpg", "09.jpg"]
    assert [Path(fault.file).name for fault in found.faults] == ["03.jpg", "04.jpg", "07.jpg", "09.png"]
    for fault, said in zip(
        found.faults, ("truncated", "no picture", "07.png does not exist", "(31, 40)"), strict=True
    ):
        assert said in fault.line
        assert "\n" not in fault.line
    [part] = found.parts
    assert part.read == 12
    assert part.statistics is not None
    assert part.statistics.frames == 8


def test_quick_reads_some_spread_over_the_set(folder: Path) -> None:
    (folder / "masks" / "11.png").unlink()  # the last is among them
    (folder / "masks" / "01.png").unlink()  # the second is not
    [part] = look(folder, quick=3, pictures=2).parts
    assert (part.listed, part.read) == (12, 3)
    assert [fault.name for fault in part.faults] == ["11.jpg"]
    assert [one.caption for one in part.drawn] == ["00.jpg: 0 objects"]
    assert look(folder, quick=100).parts[0].read == 12


def test_a_drawn_image_stands_beside_its_masks(folder: Path) -> None:
    drawn = look(folder, pictures=12).parts[0].drawn
    assert len(drawn) == 12
    assert drawn[3].caption == "03.jpg: 3 objects"
    plain, masked = np.split(drawn[3].picture, 2, axis=1)
    assert plain.shape == (30, 40, 3)
    assert not np.array_equal(plain, masked)


def test_images_without_masks_are_counted_as_such(folder: Path) -> None:
    [part] = look(folder / "images", pictures=1).parts
    assert part.statistics is not None
    assert part.statistics.without_masks == 12
    assert part.statistics.per_frame is None
    assert part.drawn[0].picture.shape == (30, 40, 3)


def test_every_split_of_clips_is_read_and_compared_with_what_was_published(toys: Path) -> None:
    train, val = look(toys, pictures=1).parts
    assert (train.title, train.unit, train.listed) == ("train", "clips", 3)
    assert (train.published, train.differs) == ((60,), True)
    assert (val.title, val.listed, val.published) == ("val", 2, (30,))
    seen = train.statistics
    assert seen is not None
    assert seen.clips is not None
    assert (seen.frames, seen.clips.lengths.median) == (90, 30)
    assert seen.clips.objects == (Bar(label="2", count=3),)  # object 3 is never seen
    assert seen.clips.seen is not None
    assert (seen.clips.seen.least, seen.clips.seen.most) == (0.5, 1.0)
    assert seen.objects == (Bar(label="1", count=45), Bar(label="2", count=45))
    assert seen.classes == (Bar(label="7", count=6), Bar(label="9", count=3))
    assert seen.ignored == 0.0
    assert train.drawn[0].caption == "clip-0: 30 frames, 2 objects"
    assert train.drawn[0].picture.shape == (2 * 20, 4 * 30, 3)  # four frames, and their masks below


@pytest.fixture
def read_photos(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the photos of VOC that are read, as they are."""
    read: list[str] = []

    def counted(file: Path, **how: object) -> np.ndarray:
        read.append(file.stem)
        return read_image(file, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("dias.data.sources.voc.read_image", counted)
    return read


def test_what_several_splits_share_is_read_once_and_counts_in_each(
    tmp_path: Path, read_photos: list[str]
) -> None:
    folder = voc.write(tmp_path)
    (folder / "SegmentationObject" / "2007_000004.png").write_text("broken")
    found = look(folder, pictures=2)
    assert sorted(read_photos) == [f"2007_{number:06d}" for number in range(6)]
    train, val, trainval = found.parts
    assert [(part.title, part.read) for part in found.parts] == [("train", 3), ("val", 3), ("trainval", 6)]
    assert [len(part.faults) for part in found.parts] == [0, 1, 1]
    assert len(found.faults) == 1  # told once
    one, other, both = train.statistics, val.statistics, trainval.statistics
    assert one is not None
    assert other is not None
    assert both is not None
    assert both.frames == one.frames + other.frames == 5
    counts = {bar.label: bar.count for bar in (*one.classes, *other.classes)}
    assert {bar.label for bar in both.classes} == set(counts)
    assert sum(bar.count for bar in both.classes) == sum(bar.count for bar in (*one.classes, *other.classes))
    before = [drawn.caption for part in (train, val) for drawn in part.drawn]
    assert len(before) == 4
    assert len(trainval.drawn) == 2
    assert {drawn.caption for drawn in trainval.drawn} <= set(before)


def test_other_masks_of_the_same_photos_are_looked_at_too(tmp_path: Path, read_photos: list[str]) -> None:
    """trainaug has the masks of SBD; without masks it is the photos of train, and others."""
    folder = voc.write(tmp_path, trainaug=True)
    (folder / "SegmentationClassAug" / "2007_000001.png").write_text("broken")
    found = look(folder, settings=["mode=class"])
    assert [part.title for part in found.parts if part.faults] == ["trainaug"]
    assert len(read_photos) == 6 + 9
    read_photos.clear()
    assert not look(folder, settings=["mode=none"]).faults
    assert len(read_photos) == 6 + 6


def test_of_a_clip_every_broken_frame_is_named(toys: Path) -> None:
    (toys / "val" / "clip-1" / "2.png").write_text("broken")
    (toys / "val" / "clip-1" / "27.mask.png").write_text("broken")
    [part] = look(toys, split="val", pictures=2).parts
    assert [(fault.name, Path(fault.file).name) for fault in part.faults] == [
        ("clip-1", "2.png"), ("clip-1", "27.mask.png"),
    ]  # fmt: skip
    seen = part.statistics
    assert seen is not None
    assert seen.frames == 30 + 28  # all that are whole, those beside a broken one too
    assert seen.objects == (Bar(label="1", count=29), Bar(label="2", count=29))
    assert seen.classes == (Bar(label="7", count=4), Bar(label="9", count=2))
    assert seen.clips is not None
    assert (seen.clips.lengths.least, seen.clips.lengths.most) == (30, 30)  # as they should be
    assert seen.clips.seen is not None
    assert (seen.clips.seen.least, seen.clips.seen.most) == (0.5, 1.0)
    assert [one.caption for one in part.drawn] == [
        "clip-0: 30 frames, 2 objects", "clip-1: 28 frames, 2 objects",
    ]  # fmt: skip


def test_a_clip_without_one_whole_frame_does_not_take_the_others_along(toys: Path) -> None:
    for place in range(30):
        (toys / "val" / "clip-1" / f"{place}.mask.png").write_text("broken")
    [part] = look(toys, split="val", pictures=2).parts
    assert part.statistics is not None
    assert part.statistics.frames == 30
    assert part.statistics.clips is not None
    assert part.statistics.clips.objects == (Bar(label="2", count=1),)
    assert [one.caption for one in part.drawn] == ["clip-0: 30 frames, 2 objects"]


def test_a_split_is_chosen_by_name_or_as_a_setting(toys: Path) -> None:
    assert [part.title for part in look(toys, split="val").parts] == ["val"]
    assert [part.title for part in look(toys, settings=["split=train"]).parts] == ["train"]
    with pytest.raises(DiasError, match="no split 'test'; there are train, val"):
        look(toys, split="test")


def test_a_split_that_cannot_be_opened_does_not_hide_the_others(toys: Path) -> None:
    (toys / "test").mkdir()
    found = look(toys)
    assert [part.title for part in found.parts] == ["train", "val"]
    assert [(one.title, "holds no clip" in one.line) for one in found.unlisted] == [("test", True)]
    with pytest.raises(DiasError, match="holds no clip"):
        look(toys, split="test")


class Numbers:
    """Ten thousand images whose masks may say anything; the twentieth presses Ctrl-C where it is asked to."""

    def __init__(self, *, mask: int = 0, press: bool = False) -> None:
        self.mask, self.press = mask, press

    def __len__(self) -> int:
        return 10_000 if self.press else 1

    def __getitem__(self, index: int) -> ImageSample:
        if self.press:
            time.sleep(0.002)
            if index == 20:
                main = threading.main_thread().ident
                assert main is not None
                signal.pthread_kill(main, signal.SIGINT)
        mask = np.full((4, 4), self.mask)
        return ImageSample(
            image=np.zeros((4, 4, 3), dtype=np.uint8), name=self.name(index), mask=mask, classes=np.array([5])
        )

    def name(self, index: int) -> str:
        return f"{index}.png"

    def fingerprint(self) -> str:
        return "numbers"


@pytest.mark.parametrize(("number", "faulty"), [(0, False), (1, False), (2, True), (-1, True)])
def test_a_mask_must_number_the_objects_that_are_listed(
    monkeypatch: pytest.MonkeyPatch, number: int, faulty: bool
) -> None:
    monkeypatch.setattr(PhotosConfig, "build", lambda self: Numbers(mask=number))
    found = look(Path("photos"))
    assert bool(found.faults) == faulty
    if faulty:
        assert f"segments {number} to {number}, expected 0 to 1" in found.faults[0].line


def test_ctrl_c_ends_at_once_with_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PhotosConfig, "build", lambda self: Numbers(press=True))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        [part] = look(Path("photos")).parts
    finally:
        signal.signal(signal.SIGINT, before)
    assert part.stopped
    assert 10 <= part.read < 1_000
    assert part.statistics is not None
    assert part.statistics.frames == part.read


@given(st.lists(st.integers(0, 500), min_size=1))
def test_bars_count_everything_once_and_fit_a_screen(values: list[int]) -> None:
    bars = _bars(values)
    assert sum(bar.count for bar in bars) == len(values)
    assert len(bars) <= 17
    for bar in bars:
        first, _, last = bar.label.partition(" to ")
        assert bar.count == sum(int(first) <= value <= int(last or first) for value in values)


def test_findings_become_json_without_pictures(folder: Path) -> None:
    (folder / "masks" / "07.png").unlink()
    plain = look(folder, pictures=3).to_dict()
    assert plain["parts"][0]["faults"][0]["name"] == "07.jpg"
    assert plain["parts"][0]["statistics"]["frames"] == 11
    assert "drawn" not in plain["parts"][0]
    assert os.fspath(folder) == plain["path"]


def test_a_split_that_holds_all_others_is_read_only_by_name(toys: Path) -> None:
    (toys / "val").rename(toys / "all")
    assert [part.title for part in look(toys).parts] == ["train"]
    assert [part.title for part in look(toys, split="all").parts] == ["all"]


def test_every_sum_is_checked(tmp_path: Path) -> None:
    """A wrong byte outside the pictures: training does not see it, for whole records are not summed up."""
    shutil.copytree(Path(__file__).parents[1] / "miniatures" / "movi" / "movi_a", tmp_path / "movi_a")
    [file] = tmp_path.rglob("movi_a-train.tfrecord-*")
    text = bytearray(file.read_bytes())
    text[-5] ^= 1  # the last byte of the last record, before its sum
    file.write_bytes(text)
    assert len(open_source(tmp_path, use="train")[0].image)
    [part] = look(tmp_path).parts
    assert (part.listed, part.read, len(part.faults)) == (1, 1, 1)
    assert "CRC-32C" in part.faults[0].line


def test_several_movi_sets_are_checked_one_after_the_other(tmp_path: Path) -> None:
    movi = Path(__file__).parents[1] / "miniatures" / "movi"
    found = look(movi)
    titles = [part.title for part in found.parts]
    assert {title.partition("/")[0] for title in titles} == {"movi_a", "movi_e"}
    assert "movi_e" in next(title for title in titles if title.endswith(" validation"))
    for part in found.parts:
        assert f"movi_{part.settings['variant']}" in part.title
        assert f"split={part.title.rpartition(' ')[2]}" in settings(part)
    alone = look(movi, split="validation")
    assert all(part.title.endswith(" validation") for part in alone.parts)
    with pytest.raises(DiasError, match="no split 'nowhere'"):
        look(movi, split="nowhere")


def test_faults_beyond_the_first_of_a_clip_are_counted(toys: Path) -> None:
    for place in range(30):
        (toys / "val" / "clip-1" / f"{place}.png").write_text("broken")
    [part] = look(toys, split="val").parts
    assert [Path(fault.file).name for fault in part.faults[:20]] == [f"{place}.png" for place in range(20)]
    assert [fault.line for fault in part.faults[20:]] == ["clip-1: 10 faults more of this clip"]


def test_a_split_whose_annotation_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    coco.write(tmp_path)
    (tmp_path / "annotations" / "panoptic_train2017.json").unlink()
    found = look(tmp_path)
    assert [part.title for part in found.parts] == ["val2017"]
    assert [one.title for one in found.unlisted] == ["train2017"]
    assert "panoptic_train2017.json: does not exist" in found.unlisted[0].line
