"""A data set of clips as one of images."""

from collections.abc import Sequence

import numpy as np
import pytest

from dias.data.frames import ClipFrames, images_of
from dias.data.samples import ClipSample, ClipSource, ImageSource

LENGTHS = (3, 1, 0, 2)


class Clips:
    """Clips whose every pixel is 10 * clip + frame."""

    def __len__(self) -> int:
        return len(LENGTHS)

    def length(self, index: int) -> int:
        return LENGTHS[index]

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        numbers = tuple(range(LENGTHS[index]) if frames is None else frames)
        values = np.array([10 * index + number for number in numbers])
        return ClipSample(
            frames=np.broadcast_to(values[:, None, None, None], (len(numbers), 4, 6, 3)).astype(np.uint8),
            name=self.name(index),
            numbers=numbers,
            mask=np.broadcast_to(values[:, None, None], (len(numbers), 4, 6)).astype(np.int32),
            boxes=np.zeros((len(numbers), 2, 4), dtype=np.float32),
            classes=np.array([5, 6]),
            tracks=np.array([70, 80]),
        )

    def name(self, index: int) -> str:
        return f"clip-{index}"

    def fingerprint(self) -> str:
        return "f" * 64


def test_frames_follow_one_another_clip_after_clip() -> None:
    assert isinstance(Clips(), ClipSource)
    frames = images_of(Clips())
    assert isinstance(frames, ClipFrames)
    assert isinstance(frames, ImageSource)
    assert not isinstance(frames, ClipSource)
    assert images_of(frames) is frames
    seen = [int(frames[index].image[0, 0, 0]) for index in range(len(frames))]
    assert seen == [0, 1, 2, 10, 30, 31]
    assert [frames.place(index) for index in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (3, 0), (3, 1)]
    with pytest.raises(IndexError):
        frames.place(6)


def test_a_frame_knows_what_its_clip_knows() -> None:
    frame = images_of(Clips())[5]
    assert frame.name == images_of(Clips()).name(5) == "clip-3/00001"
    assert frame.mask is not None
    assert (frame.mask == 31).all()
    assert frame.boxes is not None
    assert frame.boxes.shape == (2, 4)
    assert frame.tracks is not None
    assert frame.tracks.tolist() == [70, 80]
    assert images_of(Clips()).fingerprint() == "f" * 64
