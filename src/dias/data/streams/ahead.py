"""A thread that reads a stream while its frames are used, and what it does when they are used too slowly."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from dias.data.streams.frame import StreamFrame
from dias.errors import SampleError

_LISTENS = 0.1  # seconds between two looks at whether to stop


class Ahead(Iterator[StreamFrame]):
    """The same frames, read in a thread; close it when no more are wanted.

    The thread is not waited for: it may hang in a pipe that nobody writes to.

    Args:
        frames: what the thread reads.
        most: frames that may wait.
        drop: when so many wait, the oldest goes; else the thread waits too, and makes the pixels.
        stop: asked while there is no frame; True ends the stream.

    Attributes:
        dropped: number of frames that nobody got.
    """

    def __init__(
        self,
        frames: Iterable[StreamFrame],
        *,
        most: int,
        drop: bool,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.dropped = 0
        self._frames, self._most, self._drop, self._stop = frames, most, drop, stop
        self._waiting: deque[StreamFrame] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._failure: BaseException | None = None
        threading.Thread(target=self._run, name="dias-read", daemon=True).start()

    def __next__(self) -> StreamFrame:
        with self._changed:
            while not self._waiting:
                if self._failure is not None:
                    raise self._failure
                if self._ended or self._stop():
                    raise StopIteration
                self._changed.wait(_LISTENS)
            frame = self._waiting.popleft()
            self._changed.notify_all()
        return frame

    def close(self) -> None:
        """Let the thread end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            for frame in self._frames:
                if not self._drop:
                    with suppress(SampleError):  # whoever uses the frame meets it again
                        frame.picture  # noqa: B018
                if not self._hand_over(frame):
                    return
        except BaseException as failure:  # comes out where the frames are used
            self._failure = failure
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _hand_over(self, frame: StreamFrame) -> bool:
        """Leave a frame for the user; False: nobody wants more."""
        with self._changed:
            while len(self._waiting) >= self._most and not self._closed:
                if self._drop:
                    self._waiting.popleft()
                    self.dropped += 1
                else:
                    self._changed.wait(_LISTENS)
            self._waiting.append(frame)
            self._changed.notify_all()
            return not self._closed
