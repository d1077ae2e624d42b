"""Frames of video files by number: each exactly, whatever it takes to get there.

Needs `dias-ocl[video]`; import this module only where a video is to be read.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import numpy as np
from jaxtyping import Int64

from dias.data.formats.video_file import UNKNOWN, Picture, Times, decoded, opened, rgb, times
from dias.errors import SampleError

_RECENT = 4  # decoded frames that an open video remembers, for threads that ask a little out of order
_KEPT_OPEN = 4  # videos
_NONE = 2**62  # no frame has this number


class OpenVideos:
    """Reads frames, and keeps a few videos open, so that frames asked for in order are each decoded once.

    For many threads at once; a copy in another process starts with none open.
    """

    def __init__(self) -> None:
        self._forget()

    def __reduce__(self) -> "tuple[type[OpenVideos], tuple[()]]":
        return OpenVideos, ()

    def read(self, file: Path, numbers: Sequence[int], *, keep_sound: bool = False) -> dict[int, Picture]:
        """Frames by their numbers (rising, from 0).

        RGB, turned and mirrored as the file says. Where the size changes on the way, frames are scaled to
        the size at the start.

        Args:
            file: the video.
            numbers: of the frames.
            keep_sound: leave out frames that cannot be decoded, where others can.

        Raises:
            SampleError: the file cannot be opened, or a frame (none, with `keep_sound`) cannot be decoded.
        """
        found = {}
        with self._borrowed(file, numbers[0]) as video:
            for number in numbers:
                picture = video.frame(number)
                if picture is not None:
                    found[number] = picture
                elif not keep_sound:
                    raise _undecodable(file, f"frame {number} cannot")
                elif video.ended:
                    break  # and so are those behind
        if not found:
            raise _undecodable(file, f"none of {len(numbers)} frames can")
        return found

    @contextmanager
    def _borrowed(self, file: Path, number: int) -> "Iterator[_Video]":
        """An open video that will soon be at a frame, for one thread alone; a new one if there is none."""
        if os.getpid() != self._process:
            self._forget()  # a fork shares the place in its files with its parent
        with self._lock:
            video = next((one for one in self._idle if one.file == file and one.near(number)), None)
            if video is not None:
                self._idle.remove(video)
            known = self._times.get(file)
        if video is None:
            video = _Video(file, times(file) if known is None else known)
        try:
            yield video
        finally:
            with self._lock:
                self._times[file] = video.times
                self._idle.append(video)
                del self._idle[:-_KEPT_OPEN]

    def _forget(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[_Video] = []
        self._times: dict[Path, Times] = {}


def _undecodable(file: Path, what: str) -> SampleError:
    return SampleError(
        file,
        f"{what} be decoded: the file is damaged or was cut short",
        do="copy or download it again, or remove it",
    )


class _Video:
    """An open video at some place.

    Attributes:
        file: where it is.
        times: of its frames.
        ended: nothing more can be decoded from the place where it is.
    """

    def __init__(self, file: Path, known: Times) -> None:
        self.file = file
        self.times = known
        self.ended = False
        self._recent: dict[int, av.VideoFrame] = {}
        self._start_at = self._next = 0  # where decoding began, and the frame that comes next
        self._first = _NONE  # that came since
        self._restart()

    def near(self, number: int) -> bool:
        """Whether going on is the quickest way to a frame."""
        if number in self._recent:
            return True
        keys = self._keys_before(number)
        return not self.ended and (int(keys[-1]) if keys.size else 0) <= self._next <= number

    def frame(self, number: int) -> Picture | None:
        """Frame by number; None if it is damaged or past the end."""
        if self.times.shown.size and number >= self.times.shown.size:
            self.ended = True
            return None
        try:
            self._go_to(number)
        except _UnknownTimeError:
            self.times = UNKNOWN
            self._restart()
            self._go_on_to(number)
        frame = self._recent.get(number)
        return None if frame is None else rgb(frame, self._size)

    def _go_to(self, number: int) -> None:
        """Decode up to a frame: from here; else from a key before it, if the container can; else all."""
        if self.near(number):
            self._go_on_to(number)
            return
        for key in self._keys_before(number)[:-3:-1]:
            self._seek(int(key))
            self._go_on_to(number)
            if self._first <= number:
                return
        self._restart()  # some containers go too far, above all near the end
        self._go_on_to(number)
        if self.ended and self.times.shown.size:
            self.times = Times(self.times.shown[: self._next], self.times.key[: self._next])

    def _go_on_to(self, number: int) -> None:
        if number in self._recent:
            return
        for frame in self._frames:
            place = self._place(frame)
            self._first = min(self._first, place)
            self._next = max(self._next, place + 1)
            if place >= self._start_at and not frame.is_corrupt:  # earlier ones may lack what they build on
                self._recent[place] = frame
            while len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
            if place >= number:
                return
        self.ended = True

    def _place(self, frame: av.VideoFrame) -> int:
        """Number of a frame: by its time, or one more than that of the last."""
        if not self.times.shown.size:
            return self._next
        place = int(np.searchsorted(self.times.shown, -1 if frame.pts is None else frame.pts))
        if place == self.times.shown.size or self.times.shown[place] != frame.pts:
            raise _UnknownTimeError
        return place

    def _keys_before(self, number: int) -> Int64[np.ndarray, " k"]:
        """Frames up to `number` that can be decoded without those before them."""
        return np.flatnonzero(self.times.key[: number + 1])

    def _seek(self, key: int) -> None:
        with suppress(av.FFmpegError):  # then it is where it was, and what comes next is too late or right
            self._container.seek(int(self.times.shown[key]), stream=self._stream)
        self._start(at=key)

    def _restart(self) -> None:
        self._container, self._stream = opened(self.file)
        self._size = self._stream.codec_context.width, self._stream.codec_context.height
        self._start(at=0)

    def _start(self, *, at: int) -> None:
        self._frames = decoded(self._container, self._stream)
        self._recent = {}
        self._start_at = self._next = at
        self._first = _NONE
        self.ended = False


class _UnknownTimeError(Exception):
    """A frame is shown at another time than its packet said."""
