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
from looking import look
from PIL import Image

from dias.data.samples import ImageSample
from dias.data.sources import open_source
from dias.data.sources.photos import PhotosConfig
from dias.inspection.findings import Bar
from dias.inspection.statistics import _bars


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


def test_faults_beyond_the_first_of_a_clip_are_counted(toys: Path) -> None:
    for place in range(30):
        (toys / "val" / "clip-1" / f"{place}.png").write_text("broken")
    [part] = look(toys, split="val").parts
    assert [Path(fault.file).name for fault in part.faults[:20]] == [f"{place}.png" for place in range(20)]
    assert [fault.line for fault in part.faults[20:]] == ["clip-1: 10 faults more of this clip"]
