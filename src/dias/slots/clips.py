"""Slots of whole clips: a thing keeps its row through all frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from jaxtyping import Bool, Float32, Int64

from dias.errors import SlotsError
from dias.slots.read import SlotArrays, SlotFiles


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipSlots:
    """What was followed through one clip.

    Attributes:
        name: of the clip.
        clip: its place in the data set.
        slots: row n is one thing in all frames; zeros where `kept` is False.
        kept: in which frames it is there.
        frames: place of each frame in the clip, rising; a frame that could not be read is missing.
    """

    name: str
    clip: int
    slots: Float32[np.ndarray, "time slots dim"]
    kept: Bool[np.ndarray, "time slots"]
    frames: Int64[np.ndarray, " time"]

    def __len__(self) -> int:
        return len(self.frames)


def clips_of(files: SlotFiles) -> Iterator[ClipSlots]:
    """Clip after clip, one shard in memory; a clip without a frame that can be read is left out.

    Args:
        files: as `dias.slots.load` gives them.

    Raises:
        SlotsError: the slots were found in each frame anew, so that a number means nothing in the next one;
            or a shard is damaged.
    """
    starts = np.array(list(accumulate(check_followed(files), initial=0)))
    before = 0
    for part in files.stream():
        clips = np.searchsorted(starts, part.picture, side="right") - 1
        for clip in np.unique(clips).tolist():
            rows = np.flatnonzero(clips == clip)
            name = files.names[before + int(rows[0])]
            yield _clip(part, rows, name=name, clip=clip, start=int(starts[clip]))
        before += len(part.picture)


def check_followed(files: SlotFiles) -> tuple[int, ...]:
    """Frames of each clip, if clips were followed.

    Raises:
        SlotsError: the slots were found in each picture anew.
    """
    if files.header.clips is None:
        raise SlotsError(
            files.folder,
            "holds slots of single pictures: no number is one thing in two frames",
            do="extract clips with a model of clips, or with `dias slots --follow`",
        )
    return files.header.clips


def _clip(part: SlotArrays, rows: np.ndarray, *, name: str, clip: int, start: int) -> ClipSlots:
    return ClipSlots(
        name=name.rpartition("/")[0],
        clip=clip,
        slots=part.slots[rows],
        kept=part.kept[rows],
        frames=part.picture[rows] - start,
    )
