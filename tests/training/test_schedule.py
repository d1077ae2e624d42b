import math

import pytest

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
