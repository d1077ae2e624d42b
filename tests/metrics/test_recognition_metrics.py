"""Parity with scikit-learn and with counting by hand, in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dias.metrics import box_iou, r2_per_coordinate, top_k_hits

sklearn_metrics = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("levels", [3, 10_000])  # few levels: many ties
def test_top_k_equals_scikit_learn(k: int, levels: int) -> None:
    rng = np.random.default_rng(k)
    scores = rng.integers(0, levels, (5000, 8)) / levels
    classes = rng.integers(0, 8, 5000)
    ours = top_k_hits(torch.from_numpy(scores), torch.from_numpy(classes), k=k).double().mean()
    theirs = sklearn_metrics.top_k_accuracy_score(classes, scores, k=k, labels=range(8))
    assert float(ours) == pytest.approx(theirs, abs=1e-12)
    assert 0 < theirs < 1


def test_top_k_of_a_class_without_a_column_is_never_a_hit() -> None:
    hits = top_k_hits(torch.ones(2, 2), torch.tensor([-1, 0]), k=5)
    assert hits.tolist() == [False, True]


@pytest.mark.parametrize("count", [2, 40, 100_000])
def test_r2_equals_scikit_learn(count: int) -> None:
    rng = np.random.default_rng(count)
    true = rng.random((count, 4))
    predicted = true + 0.3 * rng.standard_normal((count, 4))
    ours = r2_per_coordinate(torch.from_numpy(predicted), torch.from_numpy(true))
    theirs = sklearn_metrics.r2_score(true, predicted, multioutput="raw_values")
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-12)
    mean = sklearn_metrics.r2_score(true, predicted, multioutput="uniform_average")
    assert float(ours.mean()) == pytest.approx(mean, abs=1e-12)


def test_r2_of_single_precision_is_computed_in_double() -> None:
    """Boxes far from 0 that differ little: float32 sums would lose all digits."""
    rng = np.random.default_rng(0)
    true = (1000 + 1e-2 * rng.random((50_000, 4))).astype(np.float32)
    predicted = (true + 1e-3).astype(np.float32)
    ours = r2_per_coordinate(torch.from_numpy(predicted), torch.from_numpy(true))
    theirs = sklearn_metrics.r2_score(
        true.astype(np.float64), predicted.astype(np.float64), multioutput="raw_values"
    )
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9)


def test_r2_of_objects_that_nothing_is_told_of() -> None:
    """They count as told the mean: 1 - (errors of the told + spread of the others) / spread of all."""
    true = torch.tensor([[0.0], [2.0], [4.0], [6.0]], dtype=torch.float64)
    told = torch.tensor([True, True, True, False])
    predicted = torch.tensor([[1.0], [2.0], [4.0], [torch.nan]], dtype=torch.float64)
    assert r2_per_coordinate(predicted, true, told=told).tolist() == pytest.approx([1 - (1 + 9) / 20])
    assert r2_per_coordinate(true, true, told=torch.zeros(4, dtype=torch.bool)).tolist() == [0.0]


def test_r2_is_undefined_without_spread() -> None:
    one = r2_per_coordinate(torch.zeros(1, 4), torch.ones(1, 4))
    none = r2_per_coordinate(torch.zeros(0, 4), torch.ones(0, 4))
    assert all(math.isnan(value) for value in [*one.tolist(), *none.tolist()])


@given(
    one=st.tuples(*[st.integers(0, 12)] * 4),
    other=st.tuples(*[st.integers(0, 12)] * 4),
)
def test_box_iou_is_counted_on_pixels(
    one: tuple[int, int, int, int], other: tuple[int, int, int, int]
) -> None:
    painted = []
    for x0, y0, x1, y1 in (one, other):
        canvas = np.zeros((12, 12), dtype=bool)
        canvas[y0:y1, x0:x1] = True
        painted.append(canvas)
    union = np.count_nonzero(painted[0] | painted[1])
    expected = np.count_nonzero(painted[0] & painted[1]) / union if union else 0.0
    found = box_iou(torch.tensor([one]) / 12, torch.tensor([other]) / 12)
    assert float(found[0]) == pytest.approx(expected, abs=1e-6)
