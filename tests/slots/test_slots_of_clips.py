"""Slots of followed clips: on disk as the tracker found them, read back clip by clip."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from dias.data.frames import ClipFrames
from dias.data.samples import ClipSample
from dias.errors import DiasError, SampleError, SlotsError
from dias.inference.tracks import Tracked, Tracker
from dias.slots import SlotFiles, clips_of, extract, load
from dias.slots.header import header_of
from toy_clip_pictures import as_stream, toy_clip_pictures, toy_tracking_model

pytest.importorskip("pyarrow")
LIVES = [[(0, 6)], [(2, 4)]]
LENGTHS = (6, 4, 0, 6)


class Clips:
    """Clips of `toy_clip_pictures` in memory, of different lengths; frame 2 of the last cannot be read."""

    def __init__(self) -> None:
        self.films = [toy_clip_pictures(LIVES)[0][:length] for length in LENGTHS]
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self.films)

    def length(self, index: int) -> int:
        return len(self.films[index])

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        places = tuple(range(self.length(index)) if frames is None else frames)
        if index == 3 and 2 in places:
            raise SampleError("2.png", "is truncated")
        self.reads.append(index)
        film = np.stack([self.films[index][place] for place in places])
        return ClipSample(frames=film, name=self.name(index), numbers=places)

    def name(self, index: int) -> str:
        return f"film/{index}"

    def fingerprint(self) -> str:
        return "clips"


def written(
    folder: Path, *, per_shard: int = 5, on_pictures: Callable[[int], None] = lambda count: None
) -> SlotFiles:
    folder.mkdir(exist_ok=True)
    checkpoint = folder.parent / "model.safetensors"
    checkpoint.write_bytes(b"what is hashed")
    source, tracker = ClipFrames(Clips()), Tracker(toy_tracking_model())
    header = header_of(
        tracker, source, checkpoint=checkpoint, data={"kind": "memory"}, threshold=None, per_shard=per_shard
    )
    extract(tracker, source, folder, header=header, on_pictures=on_pictures)
    return load(folder, checkpoint=checkpoint)


def followed(film: Sequence[np.ndarray]) -> list[Tracked]:
    return [one for one in Tracker(toy_tracking_model()).stream(as_stream(film)) if isinstance(one, Tracked)]


def test_clips_come_back_as_they_were_followed(tmp_path: Path) -> None:
    files = written(tmp_path / "slots")
    assert (files.header.extraction.followed, files.header.clips) == (True, LENGTHS)
    clips = list(clips_of(files))
    assert [(one.name, one.clip) for one in clips] == [("film/0", 0), ("film/1", 1), ("film/3", 3)]
    assert [one.frames.tolist() for one in clips] == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3], [0, 1, 3, 4, 5]]
    films = Clips().films
    for one in clips[:2]:
        found = followed(films[one.clip])
        np.testing.assert_array_equal(one.kept, [frame.kept for frame in found])
        np.testing.assert_array_equal(
            one.slots, [np.where(frame.kept[:, None], frame.slots, 0) for frame in found]
        )
        for number, frame in enumerate(found):
            masks = files.masks(number + (0 if one.clip == 0 else 6))
            np.testing.assert_array_equal(masks.labels, frame.labels)
    assert [one.name for one in files.skipped] == ["film/3/00002"]


def test_a_shard_ends_with_a_clip_and_stopping_changes_nothing(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole")
    assert [whole.header.places(number) for number in range(whole.header.shards)] == [
        range(6),
        range(6, 16),
    ]

    def stop(count: int) -> None:
        if count == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(tmp_path / "stopped", on_pictures=stop)
    again = written(tmp_path / "stopped")
    for file in sorted(whole.folder.rglob("0*")):
        assert (again.folder / file.relative_to(whole.folder)).read_bytes() == file.read_bytes()
    other = load(written(tmp_path / "one", per_shard=100).folder)
    assert other.header.shards == 1
    np.testing.assert_array_equal(other.arrays().slots, whole.arrays().slots)


def test_single_pictures_are_no_clips(tmp_path: Path) -> None:
    files = written(tmp_path / "slots")
    object.__setattr__(files.header, "clips", None)
    with pytest.raises(SlotsError, match="no number is one thing in two frames"):
        next(clips_of(files))


def test_a_tracker_needs_clips(tmp_path: Path) -> None:
    from colour_model import Memory, three_colours

    (tmp_path / "model.safetensors").write_bytes(b"")
    source, tracker = Memory([three_colours(24, 24)[0]]), Tracker(toy_tracking_model())
    header = header_of(
        tracker, source, checkpoint=tmp_path / "model.safetensors", data={}, threshold=None, per_shard=2
    )
    with pytest.raises(DiasError, match="this data set is of pictures"):
        extract(tracker, source, tmp_path / "slots", header=header)
