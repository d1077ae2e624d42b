"""IDF1, and identity switches: both need no more than counts of the frames that went by."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.optimize import linear_sum_assignment

from dias.metrics.growing import grown
from dias.metrics.tracks.detections import Detections

SAME = 0.5  # IoU from which on an object and a track may be one in a frame
_FIRST = 1000.0  # more than all IoUs of a frame, so that going on counts first


@dataclass(frozen=True, kw_only=True)
class IdentityCounts:
    """Detections under the best one-to-one match of whole tracks with whole objects (Ristani et al. 2016).

    Attributes:
        kept: frames, summed over objects, in which an object is covered by its own track (IDTP).
        objects: true detections, summed over frames (IDTP + IDFN).
        tracks: predicted detections, summed over frames (IDTP + IDFP).
    """

    kept: int
    objects: int
    tracks: int

    @property
    def f1(self) -> float:
        """IDF1, 0 to 1; NaN without a true detection."""
        return 2 * self.kept / (self.objects + self.tracks) if self.objects else float("nan")


class Identity:
    """Adds up frames for IDF1."""

    def __init__(self) -> None:
        self._together: Int64[np.ndarray, "objects tracks"] = np.zeros((8, 8), dtype=np.int64)
        self._objects = self._tracks = 0

    def add(self, frame: Detections) -> None:
        """Count one more frame."""
        self._together = grown(self._together, _room(frame))
        self._together[np.ix_(frame.objects, frame.tracks)] += frame.iou >= SAME
        self._objects += len(frame.objects)
        self._tracks += len(frame.tracks)

    def finished(self) -> IdentityCounts:
        """All frames so far."""
        rows, columns = linear_sum_assignment(self._together, maximize=True)
        kept = int(self._together[rows, columns].sum())
        return IdentityCounts(kept=kept, objects=self._objects, tracks=self._tracks)


class Switches:
    """Counts identity switches as CLEAR MOT does (Bernardin and Stiefelhagen 2008).

    In each frame objects and tracks are matched one to one where IoU is at least 0.5: as many as possible go
    on with the track they had in the frame before, then the sum of IoU is largest. A switch is a match with
    another track than the object's last one, however long ago that was. Frames without a true or without a
    predicted segment are passed over (as TrackEval does).
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: dict[int, int] = {}
        self._before: dict[int, int] = {}

    def add(self, frame: Detections) -> None:
        """Match one more frame."""
        if not len(frame.objects) or not len(frame.tracks):
            return
        before = np.array([self._before.get(int(one), -1) for one in frame.objects], dtype=np.int64)
        now = {
            int(frame.objects[row]): int(frame.tracks[column])
            for row, column in _going_on(frame.iou, frame.tracks[None] == before[:, None])
        }
        self.count += sum(self._last.get(one, track) != track for one, track in now.items())
        self._last |= now
        self._before = now


def _going_on(iou: Float64[np.ndarray, "d k"], same: Bool[np.ndarray, "d k"]) -> list[tuple[int, int]]:
    worth = np.where(iou >= SAME, _FIRST * same + iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    matched = worth[rows, columns] > 0
    return list(zip(rows[matched].tolist(), columns[matched].tolist(), strict=True))


def _room(frame: Detections) -> tuple[int, int]:
    return int(frame.objects.max(initial=-1)) + 1, int(frame.tracks.max(initial=-1)) + 1
