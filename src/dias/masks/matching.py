"""One-to-one matching at the least cost."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor


@torch.no_grad()
def hungarian(
    cost: Float[Tensor, "b n k"],
    *,
    rows: Bool[Tensor, "b n"] | None = None,
    columns: Bool[Tensor, "b k"] | None = None,
) -> Int64[Tensor, "b n"]:
    """Column of each row in the cheapest one-to-one match; -1 for a row without partner.

    Made on the CPU, with as many pairs as there are usable rows or columns, whichever are fewer.

    Args:
        cost: of each pair. What is not finite counts as 0: a NaN should show in the loss, not here.
        rows: which may be matched; all if None.
        columns: likewise.
    """
    table = cost.double().cpu().numpy()
    table = np.where(np.isfinite(table), table, 0.0)
    batch, n, k = table.shape
    partner = np.full((batch, n), -1, dtype=np.int64)
    for costs, result, usable_rows, usable_columns in zip(
        table, partner, _places(rows, batch, n), _places(columns, batch, k), strict=True
    ):
        i, j = linear_sum_assignment(costs[np.ix_(usable_rows, usable_columns)])
        result[usable_rows[i]] = usable_columns[j]
    return torch.from_numpy(partner).to(cost.device)


def _places(usable: Bool[Tensor, "b n"] | None, batch: int, count: int) -> list[Int64[np.ndarray, " _"]]:
    if usable is None:
        return [np.arange(count)] * batch
    return [np.flatnonzero(row) for row in usable.cpu().numpy()]
