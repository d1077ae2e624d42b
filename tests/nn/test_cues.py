import pytest
import torch

from dias.errors import DiasError
from dias.nn.slots.cues import BoxesConfig, CentresConfig, ToldQueries


def build() -> ToldQueries:
    torch.manual_seed(0)
    return BoxesConfig().build(dim=8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


UNTOLD = torch.randn(2, 5, 8, generator=seeded(9))
BOXES = torch.tensor([[[0.1, 0.1, 0.4, 0.4]] * 4, [[0.0, 0.2, 0.5, 0.9]] * 4])
THERE = torch.tensor([[True, True, True, True], [True, False, True, False]])


def test_slot_j_is_told_cue_j_and_the_others_keep_their_queries() -> None:
    part = build().eval()
    found = part(UNTOLD, BOXES, THERE, generator=seeded())
    told = torch.cat([THERE, torch.zeros(2, 1).bool()], dim=1)
    assert torch.equal(found[~told], UNTOLD[~told])
    assert (found[told] != UNTOLD[told]).all()
    assert torch.equal(found, part(UNTOLD, BOXES, THERE, generator=seeded()))
    padding = torch.where(THERE[..., None], BOXES, 7.0)
    assert torch.equal(found, part(UNTOLD, padding, THERE, generator=seeded()))


def test_no_two_queries_are_equal_though_their_boxes_are() -> None:
    found = build().eval()(UNTOLD, BOXES, THERE, generator=seeded())
    distance = torch.cdist(found, found) + 9 * torch.eye(5)
    assert (distance > 0.05).all()


def test_queries_follow_their_boxes_beyond_the_noise() -> None:
    part = build().eval()
    found = part(UNTOLD, BOXES, THERE, generator=seeded()).detach()
    noise = torch.randn(2, 4, 8, generator=seeded())
    torch.testing.assert_close(found[:, :4][THERE], (part.mlp(BOXES) + 0.1 * noise).detach()[THERE])


def test_gradients_reach_the_mlp_and_the_noise() -> None:
    part = build()
    part(UNTOLD, BOXES, THERE).square().sum().backward()
    assert [name for name, value in part.named_parameters() if value.grad is None] == []


def test_room_for_the_background_and_numbers_of_a_cue_are_checked() -> None:
    with pytest.raises(DiasError, match="room for 5, but of the model's 5 slots one is the background's"):
        build()(UNTOLD, torch.zeros(2, 5, 4), torch.ones(2, 5).bool())
    with pytest.raises(DiasError, match="4 numbers each, the model was made for 2"):
        CentresConfig().build(dim=8)(UNTOLD, BOXES, THERE)
