import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dias.nn.chance import Share, gumbel
from dias.nn.tokenizers.annealing import cosine_between

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("progress", "expected"), [(-1.0, 1.0), (0.0, 1.0), (0.125, 0.8682), (0.25, 0.55), (0.5, 0.1), (1.0, 0.1)]
)
def test_half_a_cosine(progress: float, expected: float) -> None:
    found = cosine_between(1.0, 0.1, progress=progress, until=0.5)
    assert found == pytest.approx(expected, abs=1e-4)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1))
def test_never_backwards(first: float, second: float, until: float) -> None:
    early, late = sorted((first, second))
    at = [cosine_between(1.0, 0.1, progress=progress, until=until) for progress in (early, late)]
    assert 1.0 + 1e-12 >= at[0] >= at[1] - 1e-12 >= 0.1 - 2e-12


def test_gumbel_noise() -> None:
    noise = gumbel(200_000, chance=torch.Generator().manual_seed(0), device=CPU).double()
    assert noise.isfinite().all()
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, abs=0.03)


def test_a_share_of_a_batch_has_its_own_noise() -> None:
    torch.manual_seed(4)
    whole = gumbel(6, 3, chance=None, device=CPU)
    torch.manual_seed(4)
    torch.testing.assert_close(gumbel(2, 3, chance=Share(start=4, total=6), device=CPU), whole[4:])
