import itertools
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from dias.masks.matching import hungarian


def least_cost(cost: torch.Tensor) -> float:
    """By trying every assignment."""
    n, k = cost.shape
    if n > k:
        return least_cost(cost.T)
    return min(
        math.fsum(float(cost[i, j]) for i, j in enumerate(chosen))
        for chosen in itertools.permutations(range(k), n)
    )


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5), k=st.integers(1, 5), masked=st.booleans())
def test_cheapest_of_all_assignments(seed: int, n: int, k: int, masked: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    cost = torch.randn(3, n, k, generator=generator, dtype=torch.float64)
    rows, columns = (torch.rand(3, size, generator=generator) > 0.3 for size in (n, k))
    found = hungarian(cost, rows=rows, columns=columns) if masked else hungarian(cost)
    for i in range(3):
        mine, theirs = (rows[i], columns[i]) if masked else (rows[i] | True, columns[i] | True)
        pairs = [(row, column) for row, column in enumerate(found[i].tolist()) if column >= 0]
        assert len(pairs) == min(mine.sum(), theirs.sum())
        assert len({column for _, column in pairs}) == len(pairs)
        assert all(mine[row] and theirs[column] for row, column in pairs)
        total = math.fsum(float(cost[i, row, column]) for row, column in pairs)
        assert total == pytest.approx(least_cost(cost[i][mine][:, theirs]) if pairs else 0, abs=1e-12)


def test_what_is_not_finite_counts_as_nothing() -> None:
    cost = torch.tensor([[[math.nan, -1.0], [-2.0, math.inf]]])
    assert hungarian(cost).tolist() == [[1, 0]]
    assert hungarian(torch.full((1, 2, 2), math.nan)).sort().values.tolist() == [[0, 1]]


def test_needs_no_graph() -> None:
    cost = torch.randn(2, 3, 3, requires_grad=True).bfloat16()
    assert hungarian(cost).dtype == torch.int64
    assert hungarian(cost[:0]).shape == (0, 3)
