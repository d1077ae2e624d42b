"""Videos, pipes and cameras as streams of frames. Needs `dias-ocl[video]`."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av

from dias.data.formats.video_file import Container, decoded, opened, promised_frames, rgb, video_in
from dias.data.streams.clock import Clock, promised_seconds, start_of
from dias.data.streams.frame import StreamFrame
from dias.errors import FileError, SampleError

_PIPED = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,nut,yuv4mpegpipe"
_SLACK = 3  # frames that a video may end before it says


@dataclass
class _Count:
    """Frames of a stream so far."""

    given: int = 0
    damaged: int = 0
    scaled: int = 0


class _Video:
    """What videos, pipes and cameras have in common: a container that is read once.

    Frames that cannot be decoded are left out; those of another size than the first are scaled to it.
    """

    live = False

    def __init__(self, name: str, *, start: float = 0.0) -> None:
        self.name, self.start = name, start
        self.expected: int | None = None
        self.rate: float | None = None
        self._count = _Count()
        self._size: tuple[int, int] | None = None
        self._ended: str | None = None  # how much is missing at the end, in words

    def __iter__(self) -> Iterator[StreamFrame]:
        container, stream = self._open()
        with container:
            self._learn(container, stream)
            size = self._size = stream.codec_context.width, stream.codec_context.height
            clock = Clock(stream)
            for frame in self._frames(container, stream, clock):
                self._count.scaled += (frame.width, frame.height) != size
                yield StreamFrame(self._count.given, clock.now, partial(rgb, frame, size))
                self._count.given += 1
            self._finish(clock)

    def faults(self) -> list[str]:
        """Damaged frames, an end that is missing, frames of another size."""
        found = []
        if self._count.damaged:
            found.append(f"{self._count.damaged} damaged frames were left out")
        if self._ended is not None:
            found.append(f"{self._ended}: the file is damaged or was cut short")
        if self._count.scaled:
            assert self._size is not None
            width, height = self._size
            found.append(f"{self._count.scaled} frames of another size were scaled to {width} x {height}")
        return found

    def _open(self) -> tuple[Container, av.VideoStream]:
        raise NotImplementedError

    def _learn(self, container: Container, stream: av.VideoStream) -> None:
        """What the container says before the first frame."""
        self.rate = None if stream.average_rate is None else float(stream.average_rate)

    def _frames(self, container: Container, stream: av.VideoStream, clock: Clock) -> Iterator[av.VideoFrame]:
        """Sound frames from `start` on, each when the clock shows its time."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                return
            except av.error.InvalidDataError:
                self._count.damaged += 1
                continue
            except (av.FFmpegError, OSError):  # nothing more can be read
                return
            for frame in frames:
                clock.show(frame)
                if clock.now < self.start - 1e-6:
                    continue
                if frame.is_corrupt:
                    self._count.damaged += 1
                else:
                    yield frame

    def _finish(self, clock: Clock) -> None:
        """Look at what is missing, after the last frame."""


class VideoFile(_Video):
    """A `FrameStream` of a video file.

    Args:
        file: of any container and codec that FFmpeg reads, but for playlists.
        start: seconds that are left out; it is sought, not decoded, where the container can.

    Raises:
        SampleError: it is missing, or no video.
    """

    def __init__(self, file: Path, *, start: float = 0.0) -> None:
        super().__init__(str(file), start=start)
        self._file = file
        container, stream = opened(file)
        with container:
            self._learn(container, stream)

    def _open(self) -> tuple[Container, av.VideoStream]:
        container, stream = opened(self._file)
        if self.start and self._sought(container, stream):
            container.close()  # what it was in the middle of goes with it
            container, stream = opened(self._file)
            self._seek(container, stream)
        elif self.start:
            container.close()
            container, stream = opened(self._file)
        return container, stream

    def _sought(self, container: Container, stream: av.VideoStream) -> bool:
        """Whether seeking leads to a frame before `start`; some containers go too far."""
        try:
            self._seek(container, stream)
            first = next(decoded(container, stream), None)
        except (av.FFmpegError, OSError):
            return False
        return first is not None and first.time is not None and first.time <= self._target(stream)

    def _seek(self, container: Container, stream: av.VideoStream) -> None:
        assert stream.time_base is not None
        container.seek(int(self._target(stream) / stream.time_base), stream=stream)

    def _target(self, stream: av.VideoStream) -> float:
        return self.start + (start_of(stream) or 0.0)

    def _learn(self, container: Container, stream: av.VideoStream) -> None:
        super()._learn(container, stream)
        self._promised = promised_frames(stream, size=self._file.stat().st_size)
        self._seconds = promised_seconds(container, stream)
        if self._seconds is not None and self.rate:
            self.expected = max(round((self._seconds - self.start) * self.rate), 1)
        if self._promised is not None and not self.start:
            self.expected = self._promised

    def _finish(self, clock: Clock) -> None:
        found = self._count.given + self._count.damaged
        end, slack = clock.now + clock.step, max(_SLACK * clock.step, clock.longest)
        if self._promised is not None and not self.start:
            if found < self._promised:
                self._ended = f"{self._count.given} of {self._promised} frames could be decoded"
        elif self._seconds is not None and end < self._seconds - slack:
            self._ended = f"it ends after {end:.2f} of {self._seconds:.2f} seconds"


class Pipe(_Video):
    """A `FrameStream` of what comes through standard input, in any container that needs no seeking."""

    live = True

    def __init__(self, *, start: float = 0.0) -> None:
        super().__init__("standard input", start=start)
        if sys.stdin is None or sys.stdin.isatty():
            raise FileError(self.name, "is a terminal", do="pipe a video: ffmpeg ... -f matroska -")

    def _open(self) -> tuple[Container, av.VideoStream]:
        options = {
            "format_whitelist": _PIPED,
            "protocol_whitelist": "pipe",
            "analyzeduration": "1000000",  # microseconds; FFmpeg's five seconds would be a long time to wait
        }
        try:
            container = av.open("pipe:0", options=options, metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            raise SampleError(
                self.name,
                f"is no video that can be read as it comes ({why})",
                do="send Matroska or MPEG-TS: ffmpeg ... -f matroska -",
            ) from None
        return container, video_in(container, self.name)


class Camera(_Video):
    """A `FrameStream` of a camera of Linux (V4L2).

    Raises:
        FileError: there is none, or it cannot be opened.
    """

    live = True

    def __init__(self, device: Path, *, start: float = 0.0) -> None:
        super().__init__(str(device), start=start)
        if not device.exists():
            raise FileError(device, "there is no such camera", do="`ls /dev/video*` lists cameras")

    def _open(self) -> tuple[Container, av.VideoStream]:
        try:
            container = av.open(self.name, format="v4l2")
        except (av.FFmpegError, OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise FileError(
                self.name,
                f"is no camera that can be opened ({why})",
                do="see that nothing else uses it and that you may read it (group `video`)",
            ) from None
        return container, video_in(container, self.name)
