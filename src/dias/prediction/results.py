"""What an evaluation of predictions found: a curve a row and measure, over the steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dias.files import write_json
from dias.provenance import record

FORMAT = "dias-prediction-1"
Measure = Literal["slot_mse", "slot_error", "feature_error", "ari", "ari_foreground", "miou", "psnr", "ssim"]
MEASURES: tuple[Measure, ...] = (
    "slot_mse",
    "slot_error",
    "feature_error",
    "ari",
    "ari_foreground",
    "miou",
    "psnr",
    "ssim",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One way to predict.

    Attributes:
        name: of it.
        values: of each measure, for every clip and step; NaN where it is not defined or the clip has ended.
        whole: ARI, ARIfg and mIoU of every clip's predicted frames as one image with time among its axes, so
            that a slot that becomes another thing costs.
    """

    name: str
    values: Mapping[Measure, Float64[np.ndarray, "clips steps"]]
    whole: Mapping[str, Float64[np.ndarray, " clips"]]

    def curve(self, measure: Measure) -> Float64[np.ndarray, " steps"]:
        """Mean over the clips for which it is defined; NaN where there is none."""
        return mean_of(self.values[measure])

    def up_to(self, measure: Measure, steps: int) -> float:
        """Mean of the first steps of the curve."""
        return float(mean_of(self.curve(measure)[:steps]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Result of an evaluation.

    Attributes:
        rows: of the predictors, of what needs no training, and of slots that saw the future.
        clips: names of those that were measured.
        left_out: names of those that are too short: no frame after burn-in, or one of burn-in is missing.
        burn_in: frames that were seen.
        stride: from frame to frame, in the clips' own frames.
        steps: most that were predicted.
        counted: clips that have a frame at each step.
        covered: share of the slots there at each step that were there in the last frame of burn-in.
        variance: of a slot's number about its mean over the true future frames: `slot_error` is `slot_mse`
            in its unit, so that 1 is as bad as telling the mean slot.
    """

    rows: tuple[Row, ...]
    clips: tuple[str, ...]
    left_out: tuple[str, ...]
    burn_in: int
    stride: int
    steps: int
    counted: tuple[int, ...]
    covered: Float64[np.ndarray, " steps"]
    variance: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; measures that no row has are left out."""
        return {
            "format": FORMAT,
            "burn_in": self.burn_in,
            "stride": self.stride,
            "steps": self.steps,
            "clips": list(self.clips),
            "left_out": list(self.left_out),
            "counted": list(self.counted),
            "covered": self.covered.tolist(),
            "slot_variance": self.variance,
            "rows": {
                row.name: {
                    "curves": {measure: row.curve(measure).tolist() for measure in self.measures()},
                    "whole": {name: float(mean_of(values)) for name, values in row.whole.items()},
                }
                for row in self.rows
            },
        }

    def measures(self) -> tuple[Measure, ...]:
        """Those that are defined for a row."""
        return tuple(
            measure
            for measure in MEASURES
            if any(not np.isnan(row.values[measure]).all() for row in self.rows)
        )

    def save(self, file: Path, *, notes: dict[str, Any]) -> None:
        """Write JSON, with what else should be known, and where it comes from."""
        write_json(file, self.to_dict() | notes | {"provenance": record().to_dict()})


def mean_of(values: Float64[np.ndarray, "clips *steps"]) -> Float64[np.ndarray, "*steps"]:
    """Mean over the first axis of what is a number; NaN where nothing is."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
