"""Data sets of several splits: which are read, what they share, and what one does to the others."""

from pathlib import Path

import numpy as np
import pytest
from looking import look

from dias.data.images import read_image
from dias.errors import DiasError
from dias.inspection.findings import Bar
from dias.inspection.text import settings
from miniatures import coco, voc


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


def test_a_split_that_holds_all_others_is_read_only_by_name(toys: Path) -> None:
    (toys / "val").rename(toys / "all")
    assert [part.title for part in look(toys).parts] == ["train"]
    assert [part.title for part in look(toys, split="all").parts] == ["all"]


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


def test_a_split_whose_annotation_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    coco.write(tmp_path)
    (tmp_path / "annotations" / "panoptic_train2017.json").unlink()
    found = look(tmp_path)
    assert [part.title for part in found.parts] == ["val2017"]
    assert [one.title for one in found.unlisted] == ["train2017"]
    assert "panoptic_train2017.json: does not exist" in found.unlisted[0].line
