"""Scores of one clip as its frames come in."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64, Integer
from torch import Tensor

from dias.evaluation.agreement import scores_of_counts
from dias.evaluation.clips.results import SEGMENTATION, SegmentationMetric
from dias.evaluation.protocol import Rules
from dias.metrics import Contingency, GrowingContingency, TrackScores, TrackStream


@dataclass(frozen=True, kw_only=True)
class OneClip:
    """What is known of a clip.

    Attributes:
        whole: the clip as one image, so that a segment is the same in all frames, or it costs.
        per_frame: mean over the frames where a metric is defined; NaN if there is none.
        counted: number of those frames.
        frames: of the clip.
        true_segments: in the whole clip, the background included where it is seen.
    """

    whole: dict[SegmentationMetric, float]
    per_frame: dict[SegmentationMetric, float]
    counted: dict[SegmentationMetric, int]
    tracks: TrackScores
    frames: int
    true_segments: int


class ClipScorer:
    """Adds up the frames of one clip by a protocol's rules; memory does not depend on the frames' size.

    Nor on their number, but for what HOTA keeps: some hundred bytes a frame.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.frames = 0
        self._counts = GrowingContingency()
        self._tracks = TrackStream(
            include_background=rules.background, invalid_in_area=rules.unlabelled == "area"
        )
        self._sums: dict[SegmentationMetric, float] = dict.fromkeys(SEGMENTATION, 0.0)
        self._counted: dict[SegmentationMetric, int] = dict.fromkeys(SEGMENTATION, 0)

    @torch.no_grad()
    def add(
        self,
        labels: Integer[Tensor, "h w"],
        mask: Int64[Tensor, "h w"],
        *,
        valid: Bool[Tensor, "h w"] | None = None,
    ) -> None:
        """Count one more frame.

        Args:
            labels: predicted segment of each pixel; the same number in another frame is the same segment.
            mask: true one; 0 is the background.
            valid: pixels that are labelled; None when all are.

        Raises:
            DiasError: the maps are not of one shape, or no integers.
        """
        frame = self._counts.add(labels, mask, valid=valid)
        self._tracks.add(frame)
        self.frames += 1
        for metric, value in self._scores(frame.table).items():
            if value == value:
                self._sums[metric] += value
                self._counted[metric] += 1

    def finished(self) -> OneClip:
        """All frames so far."""
        total = self._counts.total()
        return OneClip(
            whole=self._scores(total),
            per_frame={
                metric: self._sums[metric] / count if count else float("nan")
                for metric, count in self._counted.items()
            },
            counted=dict(self._counted),
            tracks=self._tracks.finished(),
            frames=self.frames,
            true_segments=int((total.counts.sum(dim=1) > 0).sum()),
        )

    def _scores(self, table: Contingency) -> dict[SegmentationMetric, float]:
        scores = scores_of_counts(self.rules, table)
        return {metric: float(getattr(scores, metric)) for metric in SEGMENTATION}
