"""Whether segments keep their identity in a clip: HOTA, IDF1, switches (docs/video-metrics.md)."""

from dias.metrics.tracks.detections import Detections, detections_from_counts
from dias.metrics.tracks.scores import TrackScores, TrackStream, track_scores

__all__ = ["Detections", "TrackScores", "TrackStream", "detections_from_counts", "track_scores"]
