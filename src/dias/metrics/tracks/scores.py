"""All that is said of tracks, from one stream of frames."""

from dataclasses import dataclass

from jaxtyping import Bool, Integer
from torch import Tensor

from dias.metrics.growing import FrameCounts, GrowingContingency
from dias.metrics.tracks.detections import detections_from_counts
from dias.metrics.tracks.hota import Hota
from dias.metrics.tracks.identity import Identity, Switches


@dataclass(frozen=True, kw_only=True)
class TrackScores:
    """Of one clip; all but `switches` are NaN without a true segment (1 is perfect).

    Attributes:
        hota: mean over thresholds of IoU of the geometric mean of the next two.
        detection: DetA, whether objects are found, frame by frame.
        association: AssA, whether they keep their track.
        idf1: F1 of detections whose object has its own track, at an IoU of 0.5.
        switches: times that an object goes on with another track, at an IoU of 0.5.
    """

    hota: float
    detection: float
    association: float
    idf1: float
    switches: int


class TrackStream:
    """Scores the tracks of one clip, a frame at a time.

    Args:
        include_background: whether the target's label 0 is an object like any other.
        invalid_in_area: whether pixels that are not valid stand in the area of predicted segments.
    """

    def __init__(self, *, include_background: bool = True, invalid_in_area: bool = False) -> None:
        self._include_background = include_background
        self._invalid_in_area = invalid_in_area
        self._parts = Hota(), Identity(), Switches()

    def add(self, frame: FrameCounts) -> None:
        """Count one more frame."""
        seen = detections_from_counts(
            frame, include_background=self._include_background, invalid_in_area=self._invalid_in_area
        )
        for part in self._parts:
            part.add(seen)

    def finished(self) -> TrackScores:
        """All frames so far."""
        hota, identity, switches = self._parts
        scores = hota.finished()
        return TrackScores(
            hota=scores.hota,
            detection=scores.detection,
            association=scores.association,
            idf1=identity.finished().f1,
            switches=switches.count,
        )


def track_scores(
    pred: Integer[Tensor, "t h w"],
    target: Integer[Tensor, "t h w"],
    *,
    valid: Bool[Tensor, "t h w"] | None = None,
    include_background: bool = True,
    invalid_in_area: bool = False,
) -> TrackScores:
    """HOTA, IDF1 and identity switches of a clip's label maps.

    Args:
        pred: segment of each pixel, any numbers; a segment keeps its number through the clip.
        target: likewise; 0 is the background.
        valid: pixels that have a true label; all if None.
        include_background: whether the target's label 0 is an object like any other.
        invalid_in_area: whether pixels that are not valid stand in the area of predicted segments.

    Raises:
        DiasError: the maps are not of one shape, or no integers.
    """
    counts = GrowingContingency()
    stream = TrackStream(include_background=include_background, invalid_in_area=invalid_in_area)
    for place, (labels, truth) in enumerate(zip(pred, target, strict=True)):
        stream.add(counts.add(labels, truth, valid=None if valid is None else valid[place]))
    return stream.finished()
