import pytest
import torch
from torch import nn

from dias.nn.dropout import ChanceDropout, draw_dropout_from_chance


def test_what_is_dropped_comes_from_its_own_chance() -> None:
    part = ChanceDropout(0.25)
    values = torch.ones(50, 40, 3)
    state = torch.get_rng_state()
    part.chance = torch.Generator().manual_seed(0)
    first = part(values)
    assert torch.equal(torch.get_rng_state(), state)
    part.chance = torch.Generator().manual_seed(0)
    assert torch.equal(part(values), first)
    assert first.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (first == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.equal(part.eval()(values), values)


def test_every_dropout_of_a_module_is_replaced() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.0)), nn.Dropout(0.1))
    before = list(module.state_dict())
    made = draw_dropout_from_chance(module)
    assert [part.share for part in made] == [0.1, 0.5]
    assert not any(isinstance(part, nn.Dropout) for part in module.modules())
    assert list(module.state_dict()) == before
