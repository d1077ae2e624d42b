"""Slots of whole clips, each followed from its first frame: what a tracker finds, frame by frame."""

from collections.abc import Iterator
from functools import partial
from itertools import groupby

import numpy as np

from dias.data.frames import ClipFrames
from dias.data.samples import Skipped
from dias.data.streams import StreamFrame
from dias.inference.segment import Segmentation
from dias.inference.tracks import Tracked, Tracker
from dias.masks.boxes import boxes_from_labels


def followed(tracker: Tracker, frames: ClipFrames, places: range) -> Iterator[Segmentation | Skipped]:
    """Follow clip after clip; every clip starts from the same queries.

    Args:
        tracker: follows the objects.
        frames: of the clips.
        places: of whole clips.
    """
    for _, clip in groupby(places, key=frames.scene):
        own = list(clip)
        stream = (
            StreamFrame(number, float(number), partial(_picture, frames, place))
            for number, place in enumerate(own)
        )
        for place, item in zip(own, tracker.stream(stream), strict=True):
            if isinstance(item, Skipped):
                yield Skipped(name=frames.name(place), reason=item.reason)
            else:
                yield _segmentation(frames.name(place), item)


def _picture(frames: ClipFrames, place: int) -> np.ndarray:
    return frames.picture(place).image


def _segmentation(name: str, found: Tracked) -> Segmentation:
    """The same with the kept slots alone, numbered one after another."""
    indices = np.flatnonzero(found.kept)
    number = np.full(len(found.kept) + 1, -1, dtype=np.int32)  # the last answers for -1
    number[indices] = np.arange(len(indices))
    labels = number[found.labels]
    return Segmentation(
        name=name,
        labels=labels,
        slots=found.slots[indices],
        slot_indices=indices,
        attention=found.attention[indices],
        grid=found.grid,
        areas=np.bincount(labels[labels >= 0], minlength=len(indices)),
        boxes=boxes_from_labels(labels + 1, len(indices)),
        coverage=found.coverage,
    )
