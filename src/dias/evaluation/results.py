"""What an evaluation found: scores of every image, means over images, and where they came from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from dias.config import from_dict, to_dict
from dias.errors import DiasError, FileError
from dias.evaluation.protocol import EvaluationConfig, rules_of
from dias.files import write_json

FORMAT = "dias-evaluation-2"
_FIRST_FORMAT = "dias-evaluation-1"  # before protocols had names
Metric = Literal["ari", "ari_foreground", "mbo", "mbo_class", "miou"]
METRICS: tuple[Metric, ...] = ("ari", "ari_foreground", "mbo", "mbo_class", "miou")
METRIC_NAMES: dict[Metric, str] = {
    "ari": "ARI",
    "ari_foreground": "ARIfg",
    "mbo": "mBO",
    "mbo_class": "mBOc",
    "miou": "mIoU",
}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One number a metric (1 is perfect); NaN where it is not defined."""

    ari: float
    ari_foreground: float
    mbo: float
    mbo_class: float
    miou: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """Scores of every image for one way to get masks; NaN where a metric is not defined for an image.

    Attributes:
        variant: which masks, such as "first iteration" or "k-means, true number" (before: "k-means").
        map: what they were read from, such as "decoder" or "features".
        mbo_class: mBO with all objects of one class as one segment (mBO_c, while `mbo` is mBO_i); NaN for
            data that tells no classes.
        segments: that the masks may have; None where it was not written down (files of earlier versions).
    """

    variant: str
    map: str
    ari: Float64[np.ndarray, " images"]
    ari_foreground: Float64[np.ndarray, " images"]
    mbo: Float64[np.ndarray, " images"]
    mbo_class: Float64[np.ndarray, " images"]
    miou: Float64[np.ndarray, " images"]
    segments: Int64[np.ndarray, " images"] | None = None

    @property
    def mean(self) -> Scores:
        """Means over the images where a metric is defined; NaN if there is none."""
        return Scores(**{metric: _mean(self.values(metric)) for metric in METRICS})

    def values(self, metric: Metric) -> Float64[np.ndarray, " images"]:
        """A metric's value for each image."""
        found = getattr(self, metric)
        assert isinstance(found, np.ndarray)
        return found

    def counted(self, metric: Metric) -> int:
        """Number of images that a metric is defined for: those that its mean is over."""
        return int(np.isfinite(self.values(metric)).sum())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; the means are there for people to read."""
        counted = {metric: self.counted(metric) for metric in METRICS}
        images = {metric: self.values(metric).tolist() for metric in METRICS}
        return {
            "variant": self.variant,
            "map": self.map,
            "mean": asdict(self.mean),
            "images_counted": counted,
            "images": images,
            **({} if self.segments is None else {"segments": self.segments.tolist()}),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """One checkpoint on one data set.

    Attributes:
        checkpoint: the file that was measured, or what else to call the model.
        names: of the images, in the order of every array.
        rows: one for each way to get masks from the model.
        slots_kept: slots left after the reduction.
        true_segments: segments in the ground truth, the background counted where it is seen; a perfect model
            keeps as many slots.
        true_objects: the same without the background.
        skipped: why each unreadable image was left out.
        provenance: command, revision, versions, hardware; hashes of checkpoint, backbone and data.
    """

    checkpoint: str
    config: EvaluationConfig
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    slots_kept: Int64[np.ndarray, " images"]
    true_segments: Int64[np.ndarray, " images"]
    true_objects: Int64[np.ndarray, " images"]
    skipped: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def count_error(self) -> float:
        """Mean over images of |slots kept - true segments|."""
        return float(np.abs(self.slots_kept - self.true_segments).mean())

    def row(self, variant: str, *, map: str) -> Row:
        """The row of that name.

        Raises:
            DiasError: there is none; the message lists those that are there.
        """
        for row in self.rows:
            if (row.variant, row.map) == (variant, map):
                return row
        there = ", ".join(f"{row.variant} / {row.map}" for row in self.rows)
        raise DiasError(f"evaluation of {self.checkpoint}: no row {variant} / {map}; there are {there}")

    @property
    def best_map(self) -> Row:
        """The final masks from the map that the protocol names, or else from the one there is."""
        final = [row for row in self.rows if row.variant == "final"]
        return next((row for row in final if row.map == self.config.rules.map), final[-1])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "checkpoint": self.checkpoint,
            "protocol": self.config.rules.name,
            **({"warning": self.config.rules.warning} if self.config.rules.warning else {}),
            "config": to_dict(self.config),
            "slots": {
                "kept_mean": _mean(self.slots_kept),
                "true_segments_mean": _mean(self.true_segments),
                "true_objects_mean": _mean(self.true_objects),
                "mean_absolute_difference": self.count_error,
                "kept": self.slots_kept.tolist(),
                "true_segments": self.true_segments.tolist(),
                "true_objects": self.true_objects.tolist(),
            },
            "rows": [row.to_dict() for row in self.rows],
            "names": list(self.names),
            "skipped": list(self.skipped),
            "provenance": self.provenance,
        }

    def save(self, file: Path) -> None:
        """Write as JSON, every image's values included, in one step."""
        Results(evaluations=(self,)).save(file)


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What one result file holds.

    Attributes:
        evaluations: checkpoints on the same images.
        baselines: rows that need no checkpoint.
        data: settings of the data set (path, split, ...), where they are known; its hash is in `provenance`.
    """

    evaluations: tuple[Evaluation, ...]
    baselines: tuple[Row, ...] = ()
    data: dict[str, Any] | None = None

    def save(self, file: Path) -> None:
        """Write as JSON in one step; the numbers read back are exactly those written."""
        write_json(
            file,
            {
                "format": FORMAT,
                "data": self.data,
                "evaluations": [one.to_dict() for one in self.evaluations],
                "baselines": [row.to_dict() for row in self.baselines],
            },
        )

    @staticmethod
    def load(file: Path) -> "Results":
        """Read what `save` wrote.

        Raises:
            FileError: the file does not exist, is truncated, or is no result of `dias eval`.
        """
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise FileError(
                file, f"cannot be read ({error.strerror})", do="give a file that `dias eval` wrote"
            ) from None
        except ValueError as error:
            raise FileError(file, f"is not JSON ({error})", do="write it again with `dias eval`") from None
        if not isinstance(stored, dict) or stored.get("format") not in (FORMAT, _FIRST_FORMAT):
            raise FileError(
                file, f"is no result file of format {FORMAT}", do="give a file that `dias eval` wrote"
            )
        try:
            return Results(
                evaluations=tuple(_evaluation(one, where=str(file)) for one in stored["evaluations"]),
                baselines=tuple(_row(one) for one in stored["baselines"]),
                data=stored.get("data"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(file, f"is damaged ({error!r})", do="write it again with `dias eval`") from None


def _evaluation(stored: dict[str, Any], *, where: str) -> Evaluation:
    slots = stored["slots"]
    return Evaluation(
        checkpoint=stored["checkpoint"],
        config=from_dict(EvaluationConfig, _settings(stored["config"]), where=where),
        names=tuple(stored["names"]),
        rows=tuple(_row(one) for one in stored["rows"]),
        slots_kept=np.array(slots["kept"], dtype=np.int64),
        true_segments=np.array(slots["true_segments"], dtype=np.int64),
        true_objects=np.array(slots["true_objects"], dtype=np.int64),
        skipped=tuple(stored["skipped"]),
        provenance=stored["provenance"],
    )


def _settings(stored: dict[str, Any]) -> dict[str, Any]:
    """Say in today's words by which rules files of the first format were made."""
    if "rules" in stored:
        return stored
    kept = {name: stored[name] for name in ("batch", "maps", "seed", "threshold", "bad_images")}
    # unlabelled pixels stood nowhere then
    rules = rules_of(
        "dias", size=stored["size"], background=stored["include_background"], unlabelled="nowhere"
    )
    return kept | {"rules": to_dict(rules)}


def _row(stored: dict[str, Any]) -> Row:
    values = {"mbo_class": [None] * len(stored["images"]["mbo"])} | stored[
        "images"
    ]  # the first format has none
    # null becomes NaN again: JSON has none
    images = {metric: np.array(values[metric], dtype=np.float64) for metric in METRICS}
    found = stored.get("segments")
    segments = None if found is None else np.array(found, dtype=np.int64)
    return Row(variant=stored["variant"], map=stored["map"], segments=segments, **images)


def _mean(values: Float64[np.ndarray, " images"] | Int64[np.ndarray, " images"]) -> float:
    valid = values[np.isfinite(values)]
    return float(valid.mean()) if valid.size else float("nan")
