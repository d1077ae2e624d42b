"""What decoders say of themselves is so."""

from typing import get_args

import pytest
import torch

from dias.nn.decoders import (
    BroadcastMLPConfig,
    CodeARConfig,
    Decoder,
    DiffusionConfig,
    PermutedARConfig,
    PixelBroadcastConfig,
    RandomARConfig,
    SlotMixerConfig,
    Target,
    TemporalARConfig,
)

SMALL = (
    BroadcastMLPConfig(layers=1, hidden=8),
    CodeARConfig(layers=1, heads=2),
    DiffusionConfig(channels=(8, 8), layers=1, heads=2, dropout=0.0),
    PermutedARConfig(layers=1, heads=2, orders=1),
    PermutedARConfig(layers=1, heads=2, orders=9),
    PixelBroadcastConfig(start=2, width=4),
    RandomARConfig(layers=1, heads=2),
    SlotMixerConfig(layers=1, heads=2, hidden=8),
    TemporalARConfig(layers=1, heads=2),
)


def test_none_is_left_out() -> None:
    assert {type(one) for one in SMALL} == set(get_args(get_args(Decoder)[0]))


@pytest.mark.parametrize("config", SMALL, ids=lambda one: f"{one.kind}-{getattr(one, 'orders', '')}")
def test_maps_and_tasks_are_as_it_says(config: Decoder) -> None:
    """A map in evaluation, or none; and where the task is that of training, the same prediction."""
    if isinstance(config, DiffusionConfig):
        pytest.importorskip("diffusers")
    torch.manual_seed(0)
    part = config.build(slot_dim=6, token_dim=4, positions=16, codes=8)
    slots, kept = torch.randn(3, 5, 6), torch.ones(3, 5, dtype=torch.bool)
    target = Target(tokens=torch.randn(3, 16, 4), codes=torch.randint(8, (3, 16)))
    shown = part.eval()(slots, kept, target, generator=torch.Generator().manual_seed(1))
    trained = part.train()(slots, kept, target, generator=torch.Generator().manual_seed(1))
    assert (shown.attention is not None) == part.gives_map
    assert torch.allclose(shown.error, trained.error, rtol=1e-4) == part.same_in_training
