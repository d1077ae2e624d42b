import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dias.data.windows import read_window, windows_of
from dias.errors import DiasError
from miniatures.clips import Clips

LENGTHS = st.lists(st.integers(0, 30), max_size=6)
ONE = st.integers(1, 9)


def test_windows_of_three_clips() -> None:
    found = windows_of([7, 2, 4], length=4, stride=2, short="skip")
    assert found.starts == ((0, 0), (0, 2), (0, 3), (2, 0))  # the third ends with the clip
    assert found.left_out == (1,)
    assert found.note() == "1 of 3 clips are shorter than 4 frames: left out"
    found = windows_of([7, 2, 4], length=4, stride=2, short="repeat_last_frame")
    assert found.starts == ((0, 0), (0, 2), (0, 3), (1, 0), (2, 0))
    assert found.note() == ""


@given(lengths=LENGTHS, length=ONE, stride=ONE, short=st.sampled_from(["skip", "repeat_last_frame"]))
def test_windows_stay_in_their_clip_and_cover_it(
    lengths: list[int], length: int, stride: int, short: str
) -> None:
    found = windows_of(lengths, length=length, stride=stride, short=short)
    seen = [set[int]() for _ in lengths]
    for clip, start in found.starts:
        assert 0 <= start < lengths[clip]
        assert start == 0 or start + length <= lengths[clip]
        seen[clip] |= set(range(start, min(start + length, lengths[clip])))
    assert len(set(found.starts)) == len(found)
    assert list(found.starts) == sorted(found.starts)
    for clip, frames in enumerate(lengths):
        left_out = frames == 0 or (short == "skip" and frames < length)
        assert (clip in found.left_out) == left_out
        if not left_out and stride <= length:
            assert seen[clip] == set(range(frames))


@pytest.mark.parametrize(("length", "stride"), [(0, 1), (3, 0), (-1, None)])
def test_windows_without_a_frame_are_refused(length: int, stride: int | None) -> None:
    with pytest.raises(DiasError, match="expected at least 1"):
        windows_of([5], length=length, stride=stride, short="skip")


def test_a_window_has_its_frames() -> None:
    windows = windows_of(Clips.lengths, length=2, stride=1, short="skip")
    clip = read_window(Clips(), windows, 2)
    assert windows.starts[2] == (1, 1)
    assert clip.numbers == (1, 2)
    assert (clip.frames == Clips().read(1, [1, 2]).frames).all()


def test_in_frames_shown_again_nothing_moves() -> None:
    windows = windows_of(Clips.lengths, length=4, short="repeat_last_frame")
    clip, short = read_window(Clips(), windows, 0), Clips().read(0)
    assert clip.numbers == (0, 1, 1, 1)
    for part in ("frames", "mask", "ignore", "boxes", "depth"):
        np.testing.assert_array_equal(getattr(clip, part), getattr(short, part)[[0, 1, 1, 1]])
    assert clip.flow is not None
    assert short.flow is not None
    assert (clip.flow[0] == short.flow[0]).all()
    assert (clip.flow[1:3] == 0).all()
    assert (clip.flow[3] == short.flow[1]).all()  # to whatever comes after the clip
