"""Measure whatever gives label maps, on labelled clips of any length at constant memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64
from torch import Tensor

from dias.data.samples import ClipSource
from dias.errors import DiasError, SampleError
from dias.evaluation.clips.results import (
    SEGMENTATION,
    ClipCounts,
    ClipEvaluation,
    ClipScores,
    FrameScores,
    Tracks,
)
from dias.evaluation.clips.scoring import ClipScorer, OneClip
from dias.evaluation.clips.views import FrameTruth, ShownFrame, frames_of
from dias.evaluation.protocol import DIAS, Rules
from dias.progress import ProgressLine
from dias.provenance import record

# Called once a clip: gives the segment of each pixel (h w) of one frame after another, each map
# `ShownFrame.size` a side. The same number in another frame is the same segment. It may look at some frames
# before it answers for the first (and so work in batches): as many stay in memory.
ClipPredictor = Callable[[Iterator[ShownFrame]], Iterable[Tensor]]

# The same of several at once: each frame gets a label map of every one.
ClipPredictors = Callable[[Iterator[ShownFrame]], Iterable[Sequence[Tensor]]]


def evaluate_clips(
    predict: ClipPredictor,
    clips: ClipSource,
    rules: Rules = DIAS,
    *,
    name: str = "model",
    bad_clips: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> ClipEvaluation:
    """Measure a predictor: whole clips, single frames, and tracks.

    Args:
        predict: gives the label map (h w) of one frame after another; called once a clip. A segment keeps its
            number through the clip. For a model of images: `Unlinked`.
        clips: with masks.
        rules: of the protocol.
        name: of what is measured.
        bad_clips: stop at a clip with an unreadable frame, or leave it out and list it in the result.
        progress: show a bar on stderr.

    Raises:
        DiasError: a clip has no masks, none could be read, or a clip got another number of label maps than
            it has frames, or maps of another size.
        SampleError: a frame cannot be read and `bad_clips` is "stop".
    """
    return evaluate_together(
        lambda frames: ((labels,) for labels in predict(frames)),
        clips,
        rules,
        names=[name],
        bad_clips=bad_clips,
        progress=progress,
    )[0]


def evaluate_together(
    predict: ClipPredictors,
    clips: ClipSource,
    rules: Rules = DIAS,
    *,
    names: Sequence[str],
    bad_clips: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> tuple[ClipEvaluation, ...]:
    """Measure several label maps of each frame in one pass over the clips; otherwise as `evaluate_clips`.

    Args:
        predict: gives of one frame after another as many label maps as there are names.
        clips: with masks.
        rules: of the protocol.
        names: of what is measured.
        bad_clips: as there.
        progress: likewise.

    Raises:
        DiasError: likewise.
        SampleError: likewise.
    """
    found, read, skipped, start = list[list[OneClip]](), list[str](), list[str](), 0
    with ProgressLine("evaluate clips", total=len(clips), shown=progress) as line:
        for clip in range(len(clips)):
            try:
                found.append(_scored(predict, clips, clip, start=start, rules=rules, ways=len(names)))
                read.append(clips.name(clip))
            except SampleError as error:
                if bad_clips == "stop":
                    raise
                skipped.append(f"{clips.name(clip)}: {error.problem}")
            start += clips.length(clip)
            line.step()
    if not found:
        raise DiasError(f"evaluation: none of the {len(clips)} clips could be read; check the data folder")
    data = clips.fingerprint()
    return tuple(
        _evaluation(
            [one[way] for one in found],
            name=name,
            rules=rules,
            names=tuple(read),
            skipped=tuple(skipped),
            provenance=record(data=data).to_dict(),
        )
        for way, name in enumerate(names)
    )


def _evaluation(
    found: Sequence[OneClip],
    *,
    name: str,
    rules: Rules,
    names: tuple[str, ...],
    skipped: tuple[str, ...],
    provenance: dict[str, Any],
) -> ClipEvaluation:
    return ClipEvaluation(
        name=name,
        rules=rules,
        names=names,
        frames=np.array([one.frames for one in found], dtype=np.int64),
        whole=ClipScores(**{metric: _reals([one.whole[metric] for one in found]) for metric in SEGMENTATION}),
        per_frame=_per_frame(found),
        tracks=_tracks(found),
        true_segments=_counts([one.true_segments for one in found]),
        skipped=skipped,
        provenance=provenance,
    )


def _scored(
    predict: ClipPredictors, clips: ClipSource, clip: int, *, start: int, rules: Rules, ways: int
) -> list[OneClip]:
    """Score a clip while it is read: of each frame that was looked at, the truth waits for its labels."""
    waiting: deque[FrameTruth] = deque()

    def shown() -> Iterator[ShownFrame]:
        for frame, truth in frames_of(clips, clip, start=start, rules=rules):
            waiting.append(truth)
            yield frame

    scorers, length = [ClipScorer(rules) for _ in range(ways)], clips.length(clip)
    for several in predict(shown()):
        if not waiting:
            raise DiasError(
                f"{clips.name(clip)}: got label maps for more frames than were looked at; give one for each"
            )
        truth = waiting.popleft()
        for scorer, labels in zip(scorers, several, strict=True):
            if labels.shape != truth.mask.shape:
                raise DiasError(
                    f"{truth.name}: the label map is {tuple(labels.shape)}, expected "
                    f"{tuple(truth.mask.shape)}; give maps of ShownFrame.size pixels a side"
                )
            valid = None if truth.valid is None else truth.valid.to(labels.device)
            scorer.add(labels, truth.mask.to(labels.device), valid=valid)
    if scorers[0].frames != length:
        raise DiasError(
            f"{clips.name(clip)}: got {scorers[0].frames} label maps for {length} frames; give one for each"
        )
    return [scorer.finished() for scorer in scorers]


def _per_frame(found: Sequence[OneClip]) -> FrameScores:
    return FrameScores(
        clips=ClipScores(
            **{metric: _reals([one.per_frame[metric] for one in found]) for metric in SEGMENTATION}
        ),
        counted=ClipCounts(
            **{metric: _counts([one.counted[metric] for one in found]) for metric in SEGMENTATION}
        ),
    )


def _tracks(found: Sequence[OneClip]) -> Tracks:
    return Tracks(
        hota=_reals([one.tracks.hota for one in found]),
        detection=_reals([one.tracks.detection for one in found]),
        association=_reals([one.tracks.association for one in found]),
        idf1=_reals([one.tracks.idf1 for one in found]),
        switches=_counts([one.tracks.switches for one in found]),
    )


def _reals(values: Sequence[float]) -> Float64[np.ndarray, " clips"]:
    return np.array(values, dtype=np.float64)


def _counts(values: Sequence[int]) -> Int64[np.ndarray, " clips"]:
    return np.array(values, dtype=np.int64)
