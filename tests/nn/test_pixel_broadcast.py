import pytest
import torch
from torch import Tensor, nn

from dias.errors import SettingError
from dias.nn.decoders import PixelBroadcastConfig, PixelBroadcastDecoder, Target


def build(side: int = 8, start: int = 4) -> PixelBroadcastDecoder:
    torch.manual_seed(0)
    config = PixelBroadcastConfig(start=start, width=6)
    return config.build(slot_dim=5, token_dim=3, positions=side**2)


def target(side: int = 8) -> Target:
    return Target(tokens=torch.rand(2, side**2, 3, generator=torch.Generator().manual_seed(2)) * 2 - 1)


SLOTS = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1))
ALL = torch.ones(2, 3, dtype=torch.bool)


@pytest.mark.parametrize(("side", "doublings"), [(8, 0), (32, 2), (64, 3), (128, 4)])
def test_the_published_decoder(side: int, doublings: int) -> None:
    """From 8 x 8: 5 x 5 convolutions of stride 2 as it takes, one of stride 1, and 3 x 3 to 4 channels."""
    part = PixelBroadcastConfig().build(slot_dim=64, token_dim=3, positions=side**2)
    assert sum(isinstance(one, nn.ConvTranspose2d) for one in part.convolutions) == doublings
    counted = 5 * 64 + (doublings + 1) * (25 * 64 * 64 + 64) + 9 * 64 * 4 + 4
    assert sum(value.numel() for value in part.parameters()) == counted
    if side <= 64:
        one = torch.ones(1, 1, dtype=torch.bool)
        out = part(torch.randn(1, 1, 64), one, Target(tokens=torch.zeros(1, side**2, 3)))
        assert out.reconstruction.shape == (1, side**2, 3)


def by_hand(part: PixelBroadcastDecoder, slots: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Slot by slot, in float64."""
    part = part.double()
    mixed, alphas = torch.zeros(2, 64, 3, dtype=torch.float64), torch.zeros(2, 3, 64, dtype=torch.float64)
    for b in range(2):
        painted = {}
        for n in range(3):
            if kept[b, n]:
                grid = slots[b, n].double().expand(16, 5) + part.position.linear(part.position.distances)
                whole = part.convolutions(grid.T.reshape(1, 5, 4, 4))
                painted[n] = whole[0].permute(1, 2, 0).reshape(64, 4)
        weights = torch.stack([paint[:, 3] for paint in painted.values()]).softmax(dim=0)
        for weight, (n, paint) in zip(weights, painted.items(), strict=True):
            mixed[b] += weight[:, None] * paint[:, :3]
            alphas[b, n] = weight
    return mixed, alphas


def test_alpha_mixes_what_the_slots_paint() -> None:
    kept = torch.tensor([[True, True, False], [True, True, True]])
    out = build()(SLOTS, kept, target())
    mixed, alphas = by_hand(build(), SLOTS, kept)
    torch.testing.assert_close(out.reconstruction.double(), mixed, atol=1e-5, rtol=0)
    torch.testing.assert_close(out.attention.double(), alphas, atol=1e-5, rtol=0)
    expected = (mixed - target().tokens).square().mean(dim=(1, 2))
    torch.testing.assert_close(out.error.double(), expected, atol=1e-5, rtol=0)


def test_a_slot_that_is_not_kept_paints_nothing() -> None:
    kept = torch.tensor([[True, True, False]]).expand(2, -1)
    changed = SLOTS.clone()
    changed[:, 2] = 100.0
    once, again = build()(SLOTS, kept, target()), build()(changed, kept, target())
    assert torch.equal(once.reconstruction, again.reconstruction)
    assert (once.attention[:, 2] == 0).all()
    torch.testing.assert_close(once.attention.sum(dim=1), torch.ones(2, 64))


def test_a_slots_picture_does_not_depend_on_the_others() -> None:
    """What an edited picture is made of: a slot painted in one picture is painted the same in another."""
    part = build()
    swapped = SLOTS.clone()
    swapped[0, 1] = SLOTS[1, 2]
    before, after = part.components(SLOTS, ALL), part.components(swapped, ALL)
    torch.testing.assert_close(after.tokens[0, 1], before.tokens[1, 2])
    torch.testing.assert_close(after.tokens[0, 0], before.tokens[0, 0])
    torch.testing.assert_close(after.alpha.sum(dim=1), torch.ones(2, 64))


@pytest.mark.parametrize("positions", [63, 4, 36, 12**2])
def test_a_picture_that_doubling_does_not_reach_is_refused(positions: int) -> None:
    with pytest.raises(SettingError, match=r"must be a square of side 4, 8, 16"):
        PixelBroadcastConfig(start=4).build(slot_dim=5, token_dim=3, positions=positions)
