"""When the frames of a video are shown, and how long it says it is."""

import re

import av

from dias.data.formats.video_file import Container

_USUAL_RATE = 25.0


class Clock:
    """Time of the frame that is shown, in seconds since the beginning; it always goes forward.

    Attributes:
        now: of the last frame.
        step: usual time between two frames.
        longest: greatest time between two frames so far.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        rate = stream.average_rate or stream.guessed_rate
        self.step = float(1 / rate) if rate else 1 / _USUAL_RATE
        self.now = 0.0
        self.longest = 0.0
        self._origin = start_of(stream)
        self._shown = False

    def show(self, frame: av.VideoFrame) -> None:
        """Go to a frame's time; one without a time, or with one that has passed, comes after the last."""
        before, last = self._shown, self.now
        if frame.time is None:
            self.now = last + self.step if before else 0.0
        else:
            if self._origin is None:
                self._origin = frame.time
            self.now = frame.time - self._origin
            if before and self.now < last - self.step / 2:  # of another recording, put behind the first
                self._origin -= last + self.step - self.now
                self.now = last + self.step
            elif before and self.now <= last:
                self.now = last + self.step / 10
        if before:
            self.longest = max(self.longest, self.now - last)
        self._shown = True


def start_of(stream: av.VideoStream) -> float | None:
    """Time that the container calls its beginning, in seconds; None: it does not say."""
    if stream.start_time is None or stream.time_base is None:
        return None
    return float(stream.start_time * stream.time_base)


def promised_seconds(container: Container, stream: av.VideoStream) -> float | None:
    """How long the video is, as its container says; None: it does not."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    told = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "").strip())
    if told:  # Matroska
        return 3600 * int(told[1]) + 60 * int(told[2]) + float(told[3])
    if container.duration is not None and len(container.streams) == 1:  # else it may be the sound's
        return container.duration / av.time_base
    return None
