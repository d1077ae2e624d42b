import math

import pytest

from dias.training.recipe import TrainingConfig
from dias.training.schedule import learning_rate_share


def share(step: int) -> float:
    return learning_rate_share(step, steps=1000, warmup=0.05, floor=1e-3)


def test_rises_linearly_then_falls_along_a_cosine() -> None:
    assert share(0) == pytest.approx(1 / 50)
    assert share(24) == pytest.approx(0.5)
    assert share(49) == pytest.approx(1)
    assert share(50) == pytest.approx(1)
    middle = 50 + 950 // 2
    assert share(middle) == pytest.approx(1e-3 + (1 - 1e-3) * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert share(1000) == pytest.approx(1e-3)


def test_never_leaves_its_range() -> None:
    assert all(0 < share(step) <= 1 for step in range(2000))


def test_reduction_rises_after_its_start() -> None:
    ramp = TrainingConfig(reduce_probability=0.8, reduce_from=0.2, reduce_ramp=0.4)
    assert [ramp.reduction_at(x) for x in (0.0, 0.19, 0.2, 0.4, 0.6, 1.0)] == pytest.approx(
        [0, 0, 0, 0.4, 0.8, 0.8]
    )
    at_once = TrainingConfig(reduce_probability=0.8, reduce_from=0.5, reduce_ramp=0.0)
    assert [at_once.reduction_at(x) for x in (0.49, 0.5, 1.0)] == [0, 0.8, 0.8]
