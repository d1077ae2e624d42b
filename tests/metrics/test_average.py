import math

import numpy as np
import pytest
import torch

from dias.metrics import mean_and_deviation, mean_over_valid


def test_what_is_not_a_number_is_left_out() -> None:
    values = torch.tensor([0.5, math.nan, 1.0, 0.0])
    assert mean_over_valid(values).item() == 0.5
    assert mean_and_deviation(values).count == 3
    assert mean_and_deviation(values).deviation == pytest.approx(np.std([0.5, 1, 0], ddof=1))


def test_seeds() -> None:
    found = mean_and_deviation([61.0, 64.0, 58.0])
    assert (found.mean, found.deviation, found.count) == (61, 3, 3)


def test_too_few() -> None:
    assert mean_over_valid(torch.tensor([math.nan])).isnan()
    nothing, one = mean_and_deviation([]), mean_and_deviation([0.25])
    assert (nothing.count, one.count, one.mean) == (0, 1, 0.25)
    assert math.isnan(nothing.mean)
    assert math.isnan(one.deviation)
