"""Decoders that also predict the next frame's similar tokens: more channels, and nothing else."""

import pytest
import torch

from dias.nn.decoders import BroadcastMLPConfig, Decoder, RandomARConfig, SlotMixerConfig, Target

KINDS = [
    BroadcastMLPConfig(layers=1, hidden=16, similarity=True),
    RandomARConfig(layers=1, heads=2, similarity=True),
    RandomARConfig(layers=1, heads=2, width=4, similarity=True),
    SlotMixerConfig(layers=1, heads=2, hidden=16, similarity=True),
]


@pytest.mark.parametrize("config", KINDS, ids=lambda one: f"{one.kind}-{getattr(one, 'width', None)}")
def test_it_is_predicted_beside_the_tokens_and_is_no_part_of_the_error(config: Decoder) -> None:
    torch.manual_seed(0)
    part = config.build(slot_dim=6, token_dim=8, positions=20)
    slots, kept = torch.randn(2, 3, 6), torch.tensor([[True, False, True]]).expand(2, -1)
    target = Target(tokens=torch.randn(2, 20, 8))
    out = part(slots, kept, target)
    assert out.similarity is not None
    assert out.similarity.shape == (2, 20, 20)
    assert out.reconstruction.shape == (2, 20, 8)
    torch.testing.assert_close(out.error, (out.reconstruction - target.tokens).square().mean(dim=(1, 2)))
    changed = slots.masked_fill(~kept[..., None], 9.0)
    again = part.eval()(changed, kept, target).similarity, part.eval()(slots, kept, target).similarity
    torch.testing.assert_close(*again)
    (gradient,) = torch.autograd.grad(out.similarity.square().sum(), part.positions)
    assert gradient.any()
