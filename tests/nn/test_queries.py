import torch

from dias.nn.slots.queries import NormalSeparateConfig, NormalSharedConfig


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
