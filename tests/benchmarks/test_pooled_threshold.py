"""Otsu's threshold, which benchmarks/thresholds.py measures, against every way to split the heights."""

from collections.abc import Callable
from types import ModuleType

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor


@pytest.fixture(scope="module")
def pooled_threshold(benchmark_of: Callable[[str], ModuleType]) -> Callable[[Tensor], float]:
    found: Callable[[Tensor], float] = benchmark_of("thresholds").pooled_threshold
    return found


@settings(max_examples=50)
@given(values=st.lists(st.floats(0, 2), min_size=2, max_size=40))
def test_the_pooled_threshold_leaves_the_least_variance(
    pooled_threshold: Callable[[Tensor], float], values: list[float]
) -> None:
    heights = torch.tensor([[*values, torch.inf]], dtype=torch.float64)
    logs = np.sort(np.log(np.array(values) + 0.01))
    within = [logs[:at].var() * at + logs[at:].var() * (len(logs) - at) for at in range(1, len(logs))]
    found = np.log(pooled_threshold(heights) + 0.01)
    below, above = logs[logs <= found], logs[logs > found]
    spread = sum(part.var() * len(part) for part in (below, above) if len(part))
    assert spread <= min(within) + 1e-9
