"""A frame of a stream, what every stream is, and which of its frames are wanted."""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

Picture = UInt8[np.ndarray, "h w 3"]


class StreamFrame:
    """One frame; its pixels are made when they are first asked for, so that one that is dropped costs little.

    Attributes:
        number: of the frames that a stream gives, from 0.
        time: seconds since the beginning of the video; each later than the one before.
    """

    def __init__(self, number: int, time: float, read: Callable[[], Picture]) -> None:
        self.number = number
        self.time = time
        self._read = read

    @cached_property
    def picture(self) -> Picture:
        """RGB, upright; all frames of a stream have one size.

        Raises:
            SampleError: it cannot be read.
        """
        return self._read()


@runtime_checkable
class FrameStream(Protocol):
    """Frames, once, from the first to the last.

    Attributes:
        name: where they are from.
        live: they come in their own time, whether somebody is ready for them or not.
        expected: about how many there are; None: nobody knows.
        rate: frames a second, on average; None: nobody knows.
    """

    name: str
    live: bool
    expected: int | None
    rate: float | None

    def __iter__(self) -> Iterator[StreamFrame]:
        """Give the frames.

        Raises:
            SampleError: it cannot be opened.
        """
        ...

    def faults(self) -> list[str]:
        """What was wrong with the frames given so far, a line each; empty: nothing."""
        ...


def chosen(
    frames: Iterator[StreamFrame], *, start: float, seconds: float | None, every: int
) -> Iterator[StreamFrame]:
    """Every so many frames (the first is one of them), up to some seconds after `start`."""
    for place, frame in enumerate(frames):
        if seconds is not None and frame.time - start >= seconds:
            return
        if place % every == 0:
            yield frame


def expected(stream: FrameStream, *, seconds: float | None, every: int) -> int | None:
    """About how many frames `chosen` will give; None: nobody knows."""
    count = stream.expected
    if seconds is not None and stream.rate is not None:
        within = math.ceil(seconds * stream.rate)
        count = within if count is None else min(count, within)
    return None if count is None else -(-count // every)
