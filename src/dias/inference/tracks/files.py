"""The files of a clip's tracks, written frame by frame in a memory that does not grow."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Int64

from dias.errors import SettingError
from dias.files import atomic, write_atomic
from dias.inference.tracks.growing_npz import GrowingNpz
from dias.inference.tracks.lives import Lives
from dias.inference.tracks.tracker import Tracked
from dias.masks import rle
from dias.masks.boxes import boxes_from_labels
from dias.viz import colours, overlay, png, timeline
from dias.viz.mp4 import Mp4

VIDEO, MASKS, SLOTS, TIMELINE = "tracks.mp4", "masks.jsonl", "slots.npz", "timeline.png"


def check_apart(source: str, out: Path) -> None:
    """See whether results would come to lie on, or among, what they are made from.

    Raises:
        SettingError: they would.
    """
    path, place = Path(source).expanduser().resolve(), out.expanduser().resolve()
    if path.is_dir() and place.is_relative_to(path):
        raise SettingError("--out", str(out), f"lies in {source}: its pictures would be frames the next time")
    if path == place / VIDEO:
        raise SettingError("--out", str(out), f"would replace {source}, which is read")


class TrackFiles:
    """Overlays, masks, slots and a timeline in one folder; every file is whole or as it was before.

    Use as a context; without an error in it, its end puts all files in place.

    Args:
        out: the folder.
        slots: how many the model has.
        rate: frames a second, about.
        title: of the timeline.
    """

    def __init__(self, out: Path, *, slots: int, rate: float | None, title: str) -> None:
        self._out, self._rate, self._title = out, rate, title
        self._palette = colours(slots)
        self._video: Mp4 | None = None
        self._open = ExitStack()
        self.lives = Lives(slots)

    def __enter__(self) -> "TrackFiles":
        with ExitStack() as opening:
            self._video_file = self._part(opening, VIDEO)
            self._masks = self._part(opening, MASKS)
            self._slots_file = self._part(opening, SLOTS)
            self._slots = GrowingNpz(self._out)
            opening.callback(self._slots.close)
            self._open = opening.pop_all()
        return self

    def add(self, found: Tracked) -> None:
        """Add the next frame.

        Raises:
            OSError: it cannot be written, as on a full disk; let it pass through the context.
        """
        drawn = overlay(found.picture, found.labels, palette=self._palette)
        if self._video is None:
            height, width = drawn.shape[:2]
            self._video = Mp4(self._video_file, height=height, width=width, rate=self._rate)
        self._video.add(drawn, time=found.time)
        areas = np.bincount(found.labels.reshape(-1) + 1, minlength=len(self._palette) + 1)[1:]
        self._masks.write((json.dumps(_masks(found, areas)) + "\n").encode())
        self._slots.add(
            {
                "slots": found.slots,
                "kept": found.kept,
                "frames": np.array(found.number, dtype=np.int64),
                "times": np.array(found.time, dtype=np.float64),
            }
        )
        self.lives.add(found.kept, areas, time=found.time)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._open:
            if error is not None:
                raise error
            if self._video is not None:
                self._video.close()
            self._slots.write(self._slots_file)
        self._draw()

    def _part(self, opening: ExitStack, name: str) -> IO[bytes]:
        part = opening.enter_context(atomic(self._out / name))
        return opening.enter_context(part.open("wb"))

    def _draw(self) -> None:
        there, area, times = self.lives.columns()
        alive = self.lives.summary()
        rows = [one["slot"] for one in alive]
        sheet = timeline(
            there[rows],
            area[rows],
            times=times,
            names=[str(slot) for slot in rows],
            notes=[f"{one['frames']} frames" for one in alive],
            palette=self._palette[rows],
            title=self._title,
        )
        content = png(sheet)
        write_atomic(self._out / TIMELINE, lambda stream: stream.write(content))


def _masks(found: Tracked, areas: Int64[np.ndarray, " n"]) -> dict[str, Any]:
    """A line of the masks: the frame, and every slot that has a pixel in it."""
    height, width = found.labels.shape
    boxes = boxes_from_labels(found.labels + 1, len(areas)) * [width, height, width, height]
    columns = np.ascontiguousarray(found.labels.T)  # as run lengths go
    objects = []
    for slot in np.flatnonzero(areas).tolist():
        x0, y0, x1, y1 = np.rint(boxes[slot]).astype(int).tolist()
        objects.append(
            {
                "slot": slot,
                "segmentation": rle.encode((columns == slot).T),
                "area": int(areas[slot]),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
            }
        )
    return {"frame": found.number, "time": round(found.time, 6), "objects": objects}
