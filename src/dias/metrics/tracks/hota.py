"""Higher order tracking accuracy: detection and association in one number (Luiten et al. 2021)."""

from array import array
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import linear_sum_assignment

from dias.metrics.growing import grown
from dias.metrics.tracks.detections import Detections

ALPHAS: Float64[np.ndarray, " 19"] = np.arange(1, 20) / 20  # IoU that a match needs: 0.05, 0.10, ..., 0.95


@dataclass(frozen=True, kw_only=True)
class HotaScores:
    """Means over the 19 thresholds of IoU, 0 to 1; NaN without a true detection.

    Attributes:
        hota: geometric mean of the two others at each threshold.
        detection: DetA, matched detections among all.
        association: AssA, how much of object and track a match has in common, mean over matches.
    """

    hota: float
    detection: float
    association: float


class Hota:
    """Adds up frames for HOTA.

    Whom a frame matches depends on the whole clip, so pairs that overlap are kept: 16 bytes each, some
    hundred bytes a frame.
    """

    def __init__(self) -> None:
        self._objects: Int64[np.ndarray, " objects"] = np.zeros(8, dtype=np.int64)  # frames of each
        self._tracks: Int64[np.ndarray, " tracks"] = np.zeros(8, dtype=np.int64)
        self._alike: Float64[np.ndarray, "objects tracks"] = np.zeros((8, 8))
        self._pairs = (array("i"), array("i"), array("d"))  # object, track, IoU; frame after frame
        self._ends = array("q")

    def add(self, frame: Detections) -> None:
        """Keep one more frame."""
        objects, tracks, iou = frame.objects, frame.tracks, frame.iou
        room = int(objects.max(initial=-1)) + 1, int(tracks.max(initial=-1)) + 1
        self._objects, self._tracks = grown(self._objects, room[:1]), grown(self._tracks, room[1:])
        self._alike = grown(self._alike, room)
        self._objects[objects] += 1
        self._tracks[tracks] += 1
        rows, columns = np.nonzero(iou)
        found = iou[rows, columns]
        # each overlap as a share of all overlaps that object and track have in this frame
        shares = found / (iou.sum(axis=1)[rows] + iou.sum(axis=0)[columns] - found)
        self._alike[objects[rows], tracks[columns]] += shares
        self._pairs[0].extend(objects[rows].tolist())
        self._pairs[1].extend(tracks[columns].tolist())
        self._pairs[2].extend(found.tolist())
        self._ends.append(len(self._pairs[0]))

    def finished(self) -> HotaScores:
        """Match every frame with the whole clip in view, and score."""
        true, predicted = int(self._objects.sum()), int(self._tracks.sum())
        if true == 0:
            return HotaScores(hota=float("nan"), detection=float("nan"), association=float("nan"))
        objects, tracks, iou = self._matches()
        detection, association = np.zeros(len(ALPHAS)), np.zeros(len(ALPHAS))
        for place, alpha in enumerate(ALPHAS):
            enough = iou >= alpha  # exact: both sides are quotients of integers, rounded once
            matches = int(enough.sum())
            if matches:
                detection[place] = matches / (true + predicted - matches)
                association[place] = self._association(objects[enough], tracks[enough])
        return HotaScores(
            hota=float(np.sqrt(detection * association).mean()),
            detection=float(detection.mean()),
            association=float(association.mean()),
        )

    def _matches(self) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
        """Object, track and IoU of the pairs that each frame matches."""
        objects, tracks, iou = (np.array(one) for one in self._pairs)
        objects, tracks = objects.astype(np.int64), tracks.astype(np.int64)
        alike = self._alike[objects, tracks]
        worth = iou * (alike / (self._objects[objects] + self._tracks[tracks] - alike))
        chosen = [np.zeros(0, dtype=np.int64)]
        start = 0
        for end in self._ends:
            chosen.append(start + _best(objects[start:end], tracks[start:end], worth[start:end]))
            start = end
        place = np.concatenate(chosen)
        return objects[place], tracks[place], iou[place]

    def _association(self, objects: Int64[np.ndarray, " m"], tracks: Int64[np.ndarray, " m"]) -> float:
        """AssA: for each match, frames its object and track share among those that either has; mean."""
        width = len(self._tracks)
        pairs, together = np.unique(objects * width + tracks, return_counts=True)
        either = self._objects[pairs // width] + self._tracks[pairs % width] - together
        return float((together * (together / either)).sum() / len(objects))


def _best(
    objects: Int64[np.ndarray, " p"], tracks: Int64[np.ndarray, " p"], worth: Float64[np.ndarray, " p"]
) -> Int64[np.ndarray, " m"]:
    """Pairs, by place, of the one-to-one match that is worth most."""
    _, rows = np.unique(objects, return_inverse=True)
    _, columns = np.unique(tracks, return_inverse=True)
    table = np.zeros((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1))
    place = np.full(table.shape, -1, dtype=np.int64)
    table[rows, columns] = worth
    place[rows, columns] = np.arange(len(worth))
    found = place[linear_sum_assignment(table, maximize=True)]
    return found[found >= 0]
