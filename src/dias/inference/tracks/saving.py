"""A video, a folder, a pipe or a camera in; a folder of tracks out."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dias.config import to_dict
from dias.data.samples import Skipped
from dias.data.streams import Ahead, FrameStream, StreamFrame, chosen
from dias.errors import DiasError
from dias.files import write_json
from dias.inference.tracks.ending import asked_to_end
from dias.inference.tracks.files import TrackFiles
from dias.inference.tracks.tracker import Tracker
from dias.inference.writers import Writers
from dias.provenance import Provenance
from dias.viz import colours

SUMMARY = "summary.json"
_SHOWN = 3  # names of frames that could not be read


@dataclass(frozen=True, kw_only=True)
class Saved:
    """How it went.

    Attributes:
        frames: that were tracked.
        dropped: that came while the model was busy.
        rate: frames a second that were tracked, on the clock.
        interrupted: the user ended it.
        faults: what was wrong with the video, a line each.
    """

    frames: int
    dropped: int
    rate: float
    interrupted: bool
    faults: tuple[str, ...]


@dataclass
class _Progress:
    """What is known while it runs."""

    began: float = 0.0
    frames: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    unread: int = 0

    @property
    def rate(self) -> float:
        passed = time.perf_counter() - self.began
        return self.frames / passed if passed > 0 else 0.0

    def timed(self, frames: Iterable[StreamFrame]) -> Iterator[StreamFrame]:
        """The same frames; the clock starts at the first."""
        for frame in frames:
            self.began = self.began or time.perf_counter()
            yield frame

    def skip(self, one: Skipped) -> None:
        """Count a frame that could not be read; the first few are kept."""
        self.unread += 1
        if len(self.skipped) < _SHOWN:
            self.skipped.append(one)

    def faults(self) -> list[str]:
        """Frames that could not be read, a line."""
        if not self.unread:
            return []
        shown = "; ".join(one.reason for one in self.skipped)
        more = f"; and {self.unread - len(self.skipped)} more" if self.unread > len(self.skipped) else ""
        return [f"{self.unread} frames could not be read ({shown}{more})"]


def save_tracks(
    tracker: Tracker,
    stream: FrameStream,
    out: Path,
    *,
    start: float = 0.0,
    seconds: float | None = None,
    every: int = 1,
    drop: bool | None = None,
    origin: Provenance,
    on_frame: Callable[[int, int, float], None] = lambda frames, dropped, rate: None,
) -> Saved:
    """Follow the objects of a video and write what is found below `out`, as it is found.

    `tracks.mp4`: the frames under masks in a colour a slot. `masks.jsonl`: a line a frame with COCO's run
    lengths. `slots.npz`: slots (frames, slots, dim), kept, frames, times. `timeline.png`: which slot lives
    when. `summary.json`: counts, faults, and where all of it came from. (Format: docs/track.md.) Ctrl-C ends
    it, and what was tracked by then is kept. Memory does not depend on the number of frames.

    Args:
        tracker: follows the objects.
        stream: the frames.
        out: folder for the results; files of those names are replaced when all is done.
        start: seconds at the beginning that the stream leaves out.
        seconds: how much of the video is taken; None: all.
        every: of so many frames one is taken.
        drop: leave out frames that come while the model is busy; None: if they come in their own time.
        origin: what made the results.
        on_frame: called with frames so far, dropped ones, and frames a second.

    Raises:
        SampleError: the video cannot be opened.
        DiasError: no frame of it could be decoded.
        FileError: a result cannot be written, as on a full disk.
    """
    drop = stream.live if drop is None else drop
    done = _Progress()
    with asked_to_end() as ends, ExitStack() as stack:
        wanted = chosen(iter(stream), start=start, seconds=seconds, every=every)
        frames = Ahead(wanted, most=1 if drop else 2 * tracker.batch, drop=drop, stop=ends)
        stack.callback(frames.close)
        files, write = None, None
        for item in tracker.stream(done.timed(frames), at_once=1 if stream.live else None):
            if isinstance(item, Skipped):
                done.skip(item)
                continue
            if files is None or write is None:  # only now: what is no video leaves no folder
                rate = None if stream.rate is None else stream.rate / every
                files = stack.enter_context(
                    TrackFiles(out, slots=tracker.slots, rate=rate, title=Path(stream.name).name)
                )
                write = stack.enter_context(_writers(tracker, live=stream.live))
            write(partial(files.add, item), pixels=item.labels.size)
            done.frames += 1
            on_frame(done.frames, frames.dropped, done.rate)
            if ends():
                break
        interrupted = ends()
        if files is None:
            raise DiasError(_nothing(stream, done, start=start, interrupted=interrupted))
        rate = done.rate
    saved = Saved(
        frames=done.frames,
        dropped=frames.dropped,
        rate=rate,
        interrupted=interrupted,
        faults=(*stream.faults(), *done.faults()),
    )
    write_json(out / SUMMARY, _summary(saved, stream, files, tracker=tracker, origin=origin))
    return saved


def _writers(tracker: Tracker, *, live: bool) -> Writers:
    """One thread, for frames have an order; in turn with the model where that computes on the same cores."""
    turn = 1 if live else tracker.batch
    return Writers(turn=turn if tracker.device.type == "cpu" else None, threads=1)


def _nothing(stream: FrameStream, done: _Progress, *, start: float, interrupted: bool) -> str:
    """Why there is no result."""
    if interrupted:
        return f"{stream.name}: interrupted before its first frame; nothing was written"
    found = [*stream.faults(), *done.faults()]
    if not found and start:
        return f"{stream.name}: has no frame after second {start:g}; give an earlier --start"
    why = f" ({'; '.join(found)})" if found else ""
    return f"{stream.name}: no frame could be decoded{why}; copy or download it again"


def _summary(
    saved: Saved, stream: FrameStream, files: TrackFiles, *, tracker: Tracker, origin: Provenance
) -> dict[str, Any]:
    palette = colours(tracker.slots).tolist()
    return {
        "source": stream.name,
        "live": stream.live,
        "frames": saved.frames,
        "dropped": saved.dropped,
        "frames_per_second": saved.rate,
        "interrupted": saved.interrupted,
        "faults": list(saved.faults),
        "map": tracker.map,
        "size": tracker.size,
        "fit": tracker.fit,
        "slots": [one | {"colour": palette[one["slot"]]} for one in files.lives.summary()],
        "model": to_dict(tracker.model.config),
        "provenance": origin.to_dict(),
    }
