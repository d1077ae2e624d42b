"""What an evaluation of clips found: scores of every clip in both views, of its tracks, and their means."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from dias.config import from_dict, to_dict
from dias.errors import FileError
from dias.evaluation.protocol import Rules
from dias.files import write_json

FORMAT = "dias-clips-1"
SegmentationMetric = Literal["ari", "ari_foreground", "mbo", "miou"]
SEGMENTATION: tuple[SegmentationMetric, ...] = ("ari", "ari_foreground", "mbo", "miou")


@dataclass(frozen=True, kw_only=True)
class ClipMeans:
    """One number a metric (1 is perfect); NaN where it is not defined."""

    ari: float
    ari_foreground: float
    mbo: float
    miou: float


@dataclass(frozen=True, kw_only=True)
class TrackMeans:
    """Means over clips; `switches` is not a share but a number, 0 is perfect."""

    hota: float
    detection: float
    association: float
    idf1: float
    switches: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipScores:
    """A value for every clip; NaN where a metric is not defined for it."""

    ari: Float64[np.ndarray, " clips"]
    ari_foreground: Float64[np.ndarray, " clips"]
    mbo: Float64[np.ndarray, " clips"]
    miou: Float64[np.ndarray, " clips"]

    @property
    def mean(self) -> ClipMeans:
        """Means over the clips where a metric is defined, each clip counting once; NaN if there is none."""
        return ClipMeans(**{metric: _mean(getattr(self, metric)) for metric in SEGMENTATION})


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipCounts:
    """Number of frames of every clip that a metric is defined for."""

    ari: Int64[np.ndarray, " clips"]
    ari_foreground: Int64[np.ndarray, " clips"]
    mbo: Int64[np.ndarray, " clips"]
    miou: Int64[np.ndarray, " clips"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameScores:
    """The same masks, each frame an image of its own, so that identity does not count.

    Attributes:
        clips: of every clip its mean over the frames where a metric is defined.
        counted: number of those frames.
    """

    clips: ClipScores
    counted: ClipCounts

    @property
    def mean(self) -> ClipMeans:
        """Means over all frames of all clips, as `dias.evaluation.evaluate` has them of clips as images."""
        return ClipMeans(**{metric: self._mean(metric) for metric in SEGMENTATION})

    def _mean(self, metric: SegmentationMetric) -> float:
        counts = getattr(self.counted, metric)
        total = int(counts.sum())
        return float(np.nansum(getattr(self.clips, metric) * counts)) / total if total else float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracks:
    """Of every clip what `dias.metrics.TrackScores` says."""

    hota: Float64[np.ndarray, " clips"]
    detection: Float64[np.ndarray, " clips"]
    association: Float64[np.ndarray, " clips"]
    idf1: Float64[np.ndarray, " clips"]
    switches: Int64[np.ndarray, " clips"]

    @property
    def mean(self) -> TrackMeans:
        """Means over the clips that have a true segment; of switches, over all."""
        return TrackMeans(**{field.name: _mean(getattr(self, field.name)) for field in fields(self)})


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipEvaluation:
    """One way to get masks, on one data set of clips.

    Attributes:
        name: of what was measured.
        rules: of the protocol.
        names: of the clips, in the order of every array.
        frames: of every clip.
        whole: each clip as one image with time among its axes, so that identity counts.
        per_frame: each frame as an image of its own.
        true_segments: in every clip, the background counted where it is seen.
        skipped: why each unreadable clip was left out.
        provenance: command, revision, versions, hardware; hash of the data.
    """

    name: str
    rules: Rules
    names: tuple[str, ...]
    frames: Int64[np.ndarray, " clips"]
    whole: ClipScores
    per_frame: FrameScores
    tracks: Tracks
    true_segments: Int64[np.ndarray, " clips"]
    skipped: tuple[str, ...]
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; the means are there for people to read."""
        warning = self.rules.warning
        return {
            "name": self.name,
            "protocol": self.rules.name,
            **({"warning": warning} if warning else {}),
            "rules": to_dict(self.rules),
            "mean": {
                "whole": asdict(self.whole.mean),
                "per_frame": asdict(self.per_frame.mean),
                "tracks": asdict(self.tracks.mean),
            },
            "names": list(self.names),
            "frames": self.frames.tolist(),
            "true_segments": self.true_segments.tolist(),
            "whole": _lists(self.whole),
            "per_frame": _lists(self.per_frame.clips),
            "frames_counted": _lists(self.per_frame.counted),
            "tracks": _lists(self.tracks),
            "skipped": list(self.skipped),
            "provenance": self.provenance,
        }

    def save(self, file: Path) -> None:
        """Write as JSON, every clip's values included, in one step."""
        save_clips([self], file)


def save_clips(evaluations: Sequence[ClipEvaluation], file: Path) -> None:
    """Write several as one file; the numbers read back are exactly those written."""
    write_json(file, {"format": FORMAT, "evaluations": [one.to_dict() for one in evaluations]})


def load_clips(file: Path) -> tuple[ClipEvaluation, ...]:
    """Read what `save_clips` wrote.

    Raises:
        FileError: the file does not exist, is truncated, or holds something else.
    """
    again = "evaluate the clips again"
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(file, f"cannot be read ({error.strerror})", do=again) from None
    except ValueError as error:
        raise FileError(file, f"is not JSON ({error})", do=again) from None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise FileError(file, f"is no result file of format {FORMAT}", do="give one that `save_clips` wrote")
    try:
        return tuple(_evaluation(one, where=str(file)) for one in stored["evaluations"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(file, f"is damaged ({error!r})", do=again) from None


def _evaluation(stored: dict[str, Any], *, where: str) -> ClipEvaluation:
    per_frame = FrameScores(
        clips=ClipScores(**_reals(stored["per_frame"])),
        counted=ClipCounts(**_counts(stored["frames_counted"])),
    )
    switches = {"switches": stored["tracks"]["switches"]}
    tracks = {name: values for name, values in stored["tracks"].items() if name not in switches}
    return ClipEvaluation(
        name=stored["name"],
        rules=from_dict(Rules, stored["rules"], where=where),
        names=tuple(stored["names"]),
        frames=np.array(stored["frames"], dtype=np.int64),
        whole=ClipScores(**_reals(stored["whole"])),
        per_frame=per_frame,
        tracks=Tracks(**_reals(tracks), **_counts(switches)),
        true_segments=np.array(stored["true_segments"], dtype=np.int64),
        skipped=tuple(stored["skipped"]),
        provenance=stored["provenance"],
    )


def _lists(values: ClipScores | ClipCounts | Tracks) -> dict[str, list[Any]]:
    return {field.name: getattr(values, field.name).tolist() for field in fields(values)}


def _reals(stored: dict[str, Any]) -> dict[str, Float64[np.ndarray, " clips"]]:
    """As arrays; null becomes NaN again: JSON has none."""
    return {name: np.array(values, dtype=np.float64) for name, values in stored.items()}


def _counts(stored: dict[str, Any]) -> dict[str, Int64[np.ndarray, " clips"]]:
    return {name: np.array(values, dtype=np.int64) for name, values in stored.items()}


def _mean(values: Float64[np.ndarray, " clips"] | Int64[np.ndarray, " clips"]) -> float:
    valid = values[np.isfinite(values)]
    return float(valid.mean()) if valid.size else float("nan")
