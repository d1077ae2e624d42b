import pytest
import torch

from dias.nn.chance import Share
from dias.nn.slots.queries import AnnealedConfig, NormalSeparateConfig, NormalSharedConfig


def test_shared_queries_differ_by_noise_even_in_evaluation() -> None:
    part = NormalSharedConfig(slots=5).build(dim=8).eval()
    drawn = part(2, generator=torch.Generator().manual_seed(1))
    assert drawn.shape == (2, 5, 8)
    assert torch.equal(drawn, part(2, generator=torch.Generator().manual_seed(1)))
    assert not torch.equal(drawn, part(2, generator=torch.Generator().manual_seed(2)))
    part.slots = 9  # the number is no property of the weights
    assert part(1).shape == (1, 9, 8)


def test_shared_queries_follow_their_gaussian() -> None:
    part = NormalSharedConfig(slots=200).build(dim=4)
    drawn = part(200, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(dim=(0, 1)), part.mean[0, 0], atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.std(dim=(0, 1)), part.log_std.exp()[0, 0], atol=0.03, rtol=0)


def test_separate_queries_are_still_in_evaluation() -> None:
    part = NormalSeparateConfig(slots=5).build(dim=8)
    assert not torch.equal(part.train()(1), part(1))
    assert torch.equal(part.eval()(1), part(1))
    assert part(3).shape == (3, 5, 8)


@pytest.mark.parametrize(
    ("step", "width"), [(0, 1.0), (80, 0.75), (120, 0.5), (160, 0.25), (240, 0.0), (1999, 0.0)]
)
def test_bo_qsas_noise_falls_along_half_a_cosine_and_is_over(step: int, width: float) -> None:
    """0.12 of 2,000 steps, as the authors' 30,000 of 250,000; in proportion to each of a query's numbers."""
    part = AnnealedConfig(slots=5).build(dim=8).double().train()
    drawn = part(2, generator=torch.Generator().manual_seed(1), progress=step / 2000)
    noise = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(drawn, part.mean * (1 + width * noise))
    assert torch.equal(part.eval()(1), part.mean)


def test_the_noise_itself_teaches_nothing() -> None:
    """A query's gradient is that of a query without noise: the width is no function of it."""
    part = AnnealedConfig(slots=5).build(dim=8).train()
    weights = torch.randn(2, 5, 8)
    (gradient,) = torch.autograd.grad((part(2, progress=0.0) * weights).sum(), part.mean)
    torch.testing.assert_close(gradient[0], weights.sum(dim=0))


def test_a_part_of_a_batch_has_its_own_rows_of_the_noise() -> None:
    part = AnnealedConfig(slots=3).build(dim=4).train()
    torch.manual_seed(7)
    whole = part(6, progress=0.01)
    torch.manual_seed(7)
    assert torch.equal(part(2, generator=Share(start=2, total=6), progress=0.01), whole[2:4])
