"""Averages over images and over seeds; NaN says that a metric is not defined there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Average:
    """Of the values that are not NaN.

    Attributes:
        mean: NaN if there is none.
        deviation: sample standard deviation (divided by count - 1); NaN if there are fewer than two.
        count: how many there are.
    """

    mean: float
    deviation: float
    count: int


def mean_over_valid(values: Float[Tensor, " b"]) -> Float64[Tensor, ""]:
    """Mean of the values that are not NaN; NaN if there is none."""
    return values.double().nanmean()


def mean_and_deviation(values: Float[Tensor, " s"] | Sequence[float]) -> Average:
    """Mean, sample standard deviation and count, such as over the means of several seeds."""
    found = torch.as_tensor(values, dtype=torch.float64)
    found = found[~found.isnan()]
    deviation = float(found.std(correction=1)) if len(found) > 1 else float("nan")
    return Average(mean=float(found.mean()), deviation=deviation, count=len(found))
