"""Training windows: runs of frames of one length, out of clips of any length."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dias.data.samples import ClipSample, ClipSource
from dias.errors import DiasError

# What becomes of a clip that is shorter than a window.
Short = Literal["skip", "repeat_last_frame"]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The windows of a data set of clips, clip after clip.

    Attributes:
        length: frames of each window.
        starts: clip and first frame of each window.
        left_out: clips that give none.
        clips: how many clips there are.
    """

    length: int
    starts: tuple[tuple[int, int], ...]
    left_out: tuple[int, ...]
    clips: int

    def __len__(self) -> int:
        return len(self.starts)

    def note(self) -> str:
        """One line for the user where clips are left out; else empty."""
        if not self.left_out:
            return ""
        return f"{len(self.left_out)} of {self.clips} clips are shorter than {self.length} frames: left out"


def windows_of(lengths: Sequence[int], *, length: int, stride: int | None = None, short: Short) -> Windows:
    """Choose windows: a pure function of what it is given.

    Windows start every `stride` frames. Where frames at a clip's end would be in none, one more window ends
    with the clip, so that every frame is in some window unless `stride` is larger than `length`.

    Args:
        lengths: frames of each clip.
        length: frames of a window.
        stride: frames from the start of a window to the start of the next; `length` if None.
        short: what becomes of clips of fewer than `length` frames: left out and counted, or one window that
            shows the last frame again. A clip without any frame is always left out.

    Raises:
        DiasError: `length` or `stride` is below 1.
    """
    stride = length if stride is None else stride
    if length < 1 or stride < 1:
        raise DiasError(f"windows of {length} frames every {stride}: expected at least 1 of each")
    starts = [_starts(frames, length=length, stride=stride, short=short) for frames in lengths]
    return Windows(
        length=length,
        starts=tuple((clip, start) for clip, found in enumerate(starts) for start in found),
        left_out=tuple(clip for clip, found in enumerate(starts) if not found),
        clips=len(lengths),
    )


def read_window(clips: ClipSource, windows: Windows, index: int) -> ClipSample:
    """Read a window: always `windows.length` frames, the last one again where the clip is too short.

    Frames that are shown again keep their number, and nothing moves between them (flow 0).

    Raises:
        SampleError: names the file that cannot be read.
    """
    clip, start = windows.starts[index]
    stop = min(start + windows.length, clips.length(clip))
    return _lengthened(clips.read(clip, range(start, stop)), windows.length)


def _starts(frames: int, *, length: int, stride: int, short: Short) -> list[int]:
    if frames < length:
        return [0] if frames and short == "repeat_last_frame" else []
    found = list(range(0, frames - length + 1, stride))
    return found if found[-1] + length >= frames else [*found, frames - length]


def _lengthened(clip: ClipSample, length: int) -> ClipSample:
    places = np.minimum(np.arange(length), len(clip.numbers) - 1)
    if len(clip.numbers) == length:
        return clip
    flow = None if clip.flow is None else clip.flow[places]
    if flow is not None:
        flow[len(clip.numbers) - 1 : -1] = 0
    return replace(
        clip,
        frames=clip.frames[places],
        numbers=tuple(clip.numbers[place] for place in places),
        mask=None if clip.mask is None else clip.mask[places],
        ignore=None if clip.ignore is None else clip.ignore[places],
        boxes=None if clip.boxes is None else clip.boxes[places],
        flow=flow,
        depth=None if clip.depth is None else clip.depth[places],
    )
