"""How good masks are through time: whole clips, frame by frame, and tracks (docs/video-metrics.md)."""

from dias.evaluation.clips.linked import ClipCandidate, are_of_clips, clip_candidate, evaluate_linked
from dias.evaluation.clips.results import (
    ClipCounts,
    ClipEvaluation,
    ClipMeans,
    ClipScores,
    FrameScores,
    TrackMeans,
    Tracks,
    load_clips,
    save_clips,
)
from dias.evaluation.clips.run import ClipPredictor, ClipPredictors, evaluate_clips, evaluate_together
from dias.evaluation.clips.scoring import ClipScorer
from dias.evaluation.clips.tables import clip_markdown
from dias.evaluation.clips.unlinked import Unlinked, clips_for, evaluate_unlinked
from dias.evaluation.clips.views import ShownFrame

__all__ = [
    "ClipCandidate",
    "ClipCounts",
    "ClipEvaluation",
    "ClipMeans",
    "ClipPredictor",
    "ClipPredictors",
    "ClipScorer",
    "ClipScores",
    "FrameScores",
    "ShownFrame",
    "TrackMeans",
    "Tracks",
    "Unlinked",
    "are_of_clips",
    "clip_candidate",
    "clip_markdown",
    "clips_for",
    "evaluate_clips",
    "evaluate_linked",
    "evaluate_together",
    "evaluate_unlinked",
    "load_clips",
    "save_clips",
]
