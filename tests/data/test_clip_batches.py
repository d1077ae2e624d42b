"""Windows as batches: whole clips in one view each, with boxes of what the view shows of the first frame."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dias.data.clip_batches import FirstBoxes, ViewedWindows, WindowFlow, frames_of_windows
from dias.data.clip_views import look_clip
from dias.data.frames import ClipFrames
from dias.data.loaders import ViewedImages
from dias.data.sources.clips import ClipsConfig
from dias.data.transforms import look, numbered_view
from dias.errors import DiasError, SampleError
from tiny_clip_run import FRAMES, SIZE, make_clips


@pytest.fixture
def frames(tmp_path: Path) -> ClipFrames:
    make_clips(tmp_path, 3, seed=4)
    return ClipFrames(ClipsConfig(path=str(tmp_path)).build())


def windows(frames: ClipFrames, indices: list[int], **changes: object) -> ViewedWindows:
    found, _ = frames_of_windows(frames, indices, length=3, stride=2, short="skip")
    boxes = FirstBoxes(frames, size=14, seed=5)
    views = ViewedImages(frames, size=14, seed=5, indices=indices)
    return ViewedWindows(views, found, indices=indices, boxes=boxes, **changes)


def test_a_window_is_its_frames_in_one_view_and_its_boxes_are_those_of_the_view(frames: ClipFrames) -> None:
    indices = list(range(FRAMES, 3 * FRAMES))  # the first clip is held out
    read = windows(frames, indices)
    assert len(read) == 2 * 3
    batch = read.batch([(1, 0), (5, 2)])  # the first clip's frames 2 to 4, the second's 4 to 6
    assert batch.images is not None
    assert batch.boxes is not None
    assert batch.images.shape == (6, 3, 14, 14)
    for place, (clip, first, number) in enumerate(((1, 2, 0), (2, 4, 2))):
        view = numbered_view(SIZE, SIZE, size=14, seed=5, index=clip, number=number)
        for step in range(3):
            seen = look(frames[clip * FRAMES + first + step], view)
            shown = batch.images[3 * place + step].permute(1, 2, 0).int().numpy()
            assert np.abs(shown - seen.image).max() <= 2  # of 255; two resizers
            if step == 0:
                for box, thing in zip(batch.boxes[place], (1, 2), strict=True):
                    rows, columns = np.nonzero(seen.mask == thing)
                    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                    assert box.tolist() == pytest.approx([edge / 14 for edge in edges])


def test_clips_that_may_not_be_used_give_no_window(frames: ClipFrames) -> None:
    found, _ = frames_of_windows(frames, [0, 1, 2, 7, 8], length=3, stride=1, short="skip")
    assert found == [(0, 1, 2)]
    with pytest.raises(DiasError, match=r"no clip has 3 readable frames; take a smaller clip\.frames"):
        frames_of_windows(frames, [0, 1, 8], length=3, stride=1, short="skip")
    longer, _ = frames_of_windows(frames, list(range(21)), length=9, stride=None, short="repeat_last_frame")
    assert longer[1] == (*range(7, 14), 13, 13)


def test_a_bad_frame_stops_or_the_next_whole_window_is_shown(frames: ClipFrames, tmp_path: Path) -> None:
    (tmp_path / "frames" / "000000" / "00002.png").write_bytes(b"no picture")
    with pytest.raises(SampleError, match=r"00002\.png"):
        windows(frames, list(range(21))).batch([(1, 0)])
    read = windows(frames, list(range(21)), policy="skip")
    found, expected = read.batch([(0, 1)]), read.batch([(2, 1)])
    assert torch.equal(found.images, expected.images)
    assert read.unreadable.tolist() == [True, True, *[False] * 7]
    assert all("00002.png" in one.name for one in read.skipped())


def test_flow_is_that_of_the_view_and_a_repeated_frame_stands_still(tmp_path: Path) -> None:
    clips = ClipFrames(ClipsConfig(path="data/clips/crossing", flow=True).build())
    found, _ = frames_of_windows(
        clips, list(range(len(clips))), length=26, stride=1, short="repeat_last_frame"
    )
    views = ViewedImages(clips, size=14, seed=5, indices=list(range(len(clips))))
    flow = WindowFlow(clips, size=14, seed=5)
    read = ViewedWindows(views, found, indices=list(range(len(clips))), flow=flow).batch([(0, 3), (1, 3)])
    assert read.flow is not None
    assert read.flow.shape == (52, 2, 14, 14)
    for clip in range(2):
        view = numbered_view(128, 128, size=14, seed=5, index=clip, number=3)
        seen = look_clip(clips.clips.read(clip), view)
        assert seen.flow is not None
        shown = torch.from_numpy(seen.flow).movedim(-1, 1)
        torch.testing.assert_close(read.flow[26 * clip : 26 * clip + 23], shown[:23])
        assert not read.flow[26 * clip + 23 : 26 * clip + 25].any()
        torch.testing.assert_close(read.flow[26 * clip + 25], shown[23])
    make_clips(tmp_path, 1, seed=4)
    without = ClipFrames(ClipsConfig(path=str(tmp_path)).build())
    with pytest.raises(DiasError, match=r"no optical flow.*data\.train\.flow=true.*dias synth videos"):
        WindowFlow(without, size=14, seed=5)([0, 1], 0)
