"""Classes and boxes of objects against the truth."""

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor


def top_k_hits(scores: Float[Tensor, "o c"], classes: Int64[Tensor, " o"], *, k: int) -> Bool[Tensor, " o"]:
    """Whether an object's true class is among its k highest scores; of equal ones the last come first.

    As scikit-learn's `top_k_accuracy_score`, object by object; with k classes or fewer it is always True.

    Args:
        scores: of each class.
        classes: column of the true class; -1 for one that has no column, which is never hit.
        k: how many may be tried.
    """
    known = classes >= 0
    own = scores.gather(1, classes.clamp(min=0)[:, None])
    columns = torch.arange(scores.shape[1], device=scores.device)
    better = (scores > own) | ((scores == own) & (columns > classes[:, None]))
    return known & (better.sum(dim=1) < k)


def box_iou(one: Float[Tensor, "o 4"], other: Float[Tensor, "o 4"]) -> Float64[Tensor, " o"]:
    """Intersection over union of boxes (x0, y0, x1, y1), pair by pair, in float64.

    A box whose sides are exchanged is empty; the overlap with an empty box is 0.
    """
    one, other = one.double(), other.double()
    sides = torch.minimum(one, other)[:, 2:] - torch.maximum(one, other)[:, :2]
    shared = sides.clamp(min=0).prod(dim=1)
    union = _area(one) + _area(other) - shared
    return shared / union.clamp(min=torch.finfo(torch.float64).tiny)


def r2_per_coordinate(
    predicted: Float[Tensor, "o k"],
    true: Float[Tensor, "o k"],
    *,
    told: Bool[Tensor, " o"] | None = None,
) -> Float64[Tensor, " k"]:
    """Coefficient of determination of each column, 1 - SS_res / SS_tot, in float64.

    SS_res is the sum of squared errors, SS_tot that of the distances of `true` from its own mean. NaN where
    SS_tot is 0: for fewer than two objects, or a column of equal values.

    Args:
        predicted: values.
        true: values.
        told: objects of which something is predicted; of the others it is the mean of `true`, so that they
            are explained not at all. All if None.
    """
    predicted, true = predicted.double(), true.double()
    mean = true.mean(dim=0) if len(true) else true.new_zeros(true.shape[1])
    if told is not None:
        predicted = torch.where(told[:, None], predicted, mean)
    total = (true - mean).square().sum(dim=0)
    left = (true - predicted).square().sum(dim=0)
    return torch.where(total > 0, 1 - left / total.where(total > 0, torch.ones_like(total)), torch.nan)


def _area(boxes: Float64[Tensor, "o 4"]) -> Float64[Tensor, " o"]:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
