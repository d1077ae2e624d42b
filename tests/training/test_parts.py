"""What is held out: the same random pictures every time, and of clips whole ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dias.data.frames import images_of
from dias.data.samples import ClipSample, ImageSample
from dias.data.sources import ImageFolderConfig
from dias.errors import DiasError, SampleError
from dias.training.parts import held_out, some_of
from dias.training.recipe import DataConfig

PIXELS = np.zeros((2, 2, 3), dtype=np.uint8)


class Images:
    """Pictures without a file; every third cannot be read."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> ImageSample:
        if index % 3 == 2:
            raise SampleError(self.name(index), "is damaged")
        return ImageSample(image=PIXELS, name=self.name(index))

    def name(self, index: int) -> str:
        return str(index)

    def fingerprint(self) -> str:
        return "0" * 64


class Clips:
    """Ten clips of five frames."""

    def __len__(self) -> int:
        return 10

    def length(self, index: int) -> int:
        return 5

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        numbers = tuple(range(5) if frames is None else frames)
        return ClipSample(frames=np.stack([PIXELS] * len(numbers)), name=self.name(index), numbers=numbers)

    def name(self, index: int) -> str:
        return str(index)

    def fingerprint(self) -> str:
        return "0" * 64


def data(**changes: object) -> DataConfig:
    return DataConfig(train=ImageFolderConfig(path="anywhere"), **changes)


def test_a_share_of_the_pictures_is_held_out() -> None:
    trained, validated = held_out(Images(50), data(validation_share=0.2))
    assert len(validated) == 10
    assert sorted([*trained, *validated.indices]) == list(range(50))
    assert held_out(Images(50), data(validation_share=0.2))[1].indices == validated.indices
    assert len(held_out(Images(50), data(validation_share=0.2, validation_images=3))[1]) == 3
    assert len(held_out(Images(50), data(validation_share=0.0))[1]) == 1


def test_what_cannot_be_read_moves_no_picture_into_training() -> None:
    """So that a run that stopped at a bad picture may go on with `skip`."""
    stop, skip = (
        held_out(Images(60), data(validation_share=0.5, bad_images=policy)) for policy in ("stop", "skip")
    )
    assert stop[0] == skip[0]
    assert stop[1].indices == skip[1].indices
    assert any(index % 3 == 2 for index in skip[1].indices)


def test_clips_are_held_out_whole() -> None:
    source = images_of(Clips())
    trained, validated = held_out(source, data(validation_share=0.15))
    seen = {index // 5 for index in validated.indices}
    assert len(validated) == 8  # 15 % of 50 frames, spread over two clips of five
    assert len(seen) == 2
    assert sorted(trained) == [index for index in range(50) if index // 5 not in seen]


def test_a_validation_set_of_clips_is_looked_at_throughout(tmp_path: Path) -> None:
    part = some_of(images_of(Clips()), 10)
    assert [part.name(index) for index in range(len(part))] == [
        "0/00000", "1/00000", "2/00001", "3/00001", "4/00002",
        "5/00002", "6/00003", "7/00003", "8/00004", "9/00004",
    ]  # fmt: skip
    first = some_of(Images(50), 4)
    assert [first.name(index) for index in range(4)] == ["0", "1", "2", "3"]
    assert some_of(first, 4) is first


def test_too_few_pictures_are_an_error() -> None:
    with pytest.raises(DiasError, match=r"data\.train: 1 pictures are too few to hold 1 out"):
        held_out(Images(1), data())
    with pytest.raises(DiasError, match="5 pictures are too few to hold 1 out"):
        held_out(images_of(OneClip()), data())


class OneClip(Clips):
    """A single one."""

    def __len__(self) -> int:
        return 1
