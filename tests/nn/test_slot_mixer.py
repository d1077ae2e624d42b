"""The mixing decoder against its definition, in float64, place by place and slot by slot."""

import pytest
import torch
from torch import Tensor, nn

from dias.errors import SettingError
from dias.nn.decoders import SlotMixerConfig, SlotMixerDecoder, Target
from dias.nn.decoders.from_slots import DecodesSlots


def build(**settings: object) -> SlotMixerDecoder:
    torch.manual_seed(0)
    config = SlotMixerConfig(**{"layers": 2, "heads": 2, "hidden": 16, **settings})  # type: ignore[arg-type]
    return config.build(slot_dim=6, token_dim=8, positions=20).double()


def given() -> tuple[Tensor, Tensor, Target]:
    chance = torch.Generator().manual_seed(1)
    slots = torch.randn(2, 4, 6, generator=chance, dtype=torch.float64)
    kept = torch.tensor([[True, False, True, True], [True, True, True, True]])
    return slots, kept, Target(tokens=torch.randn(2, 20, 8, generator=chance, dtype=torch.float64))


def looked(part: SlotMixerDecoder, slots: Tensor) -> Tensor:
    """What one image's places ask, by PyTorch's own attention."""
    x, memory = part.positions[0], part.norm_memory(slots)
    for layer in part.layers:
        theirs = nn.MultiheadAttention(6, 2, bias=False, batch_first=True, dtype=torch.float64)
        with torch.no_grad():
            ours = layer.attention
            theirs.in_proj_weight.copy_(torch.cat([ours.to_queries.weight, ours.to_keys_values.weight]))
            theirs.out_proj.weight.copy_(ours.out.weight)
        x = x + theirs(layer.norm_attention(x)[None], memory[None], memory[None])[0][0]
        x = x + layer.mlp(layer.norm_mlp(x))
    return x


@torch.no_grad()
def test_each_place_mixes_the_slots_that_are_there_and_renders_the_mixture() -> None:
    part, (slots, kept, target) = build(), given()
    out = part(slots, kept, target)
    assert out.attention is not None
    for b in range(2):
        there = slots[b, kept[b]]
        queries = part.norm_query(looked(part, there)) @ part.query.weight.T
        keys = part.norm_key(there) @ part.key.weight.T
        shares = torch.zeros(4, 20, dtype=torch.float64)
        for place in range(20):
            exponents = torch.stack([(queries[place] @ key / 6**0.5).exp() for key in keys])
            share = exponents / exponents.sum()
            shares[kept[b], place] = share
            mixed = sum(weight * slot for weight, slot in zip(share, there, strict=True))
            torch.testing.assert_close(
                out.reconstruction[b, place], part.render(mixed + part.positions[0, place])
            )
        torch.testing.assert_close(out.attention[b], shares)
        error = (out.reconstruction[b] - target.tokens[b]).square().mean()
        torch.testing.assert_close(out.error[b], error.float())
    assert out.similarity is None


@torch.no_grad()
def test_a_masked_slot_may_hold_anything_and_slots_any_order() -> None:
    part, (slots, kept, target) = build(), given()
    expected = part(slots, kept, target)
    changed = torch.where(kept[..., None], slots, torch.nan)
    assert torch.equal(part(changed, kept, target).reconstruction, expected.reconstruction)
    order = torch.tensor([2, 0, 3, 1])
    moved = part(slots[:, order], kept[:, order], target)
    torch.testing.assert_close(moved.reconstruction, expected.reconstruction)
    assert expected.attention is not None
    torch.testing.assert_close(moved.attention, expected.attention[:, order])


def test_pictures_can_be_made_of_slots_alone() -> None:
    part, (slots, kept, target) = build(similarity=True), given()
    assert isinstance(part, DecodesSlots)
    assert torch.equal(part.from_slots(slots, kept), part(slots, kept, target).reconstruction)


def test_gradients_reach_slots_and_weights() -> None:
    part, (slots, kept, target) = build(), given()
    slots.requires_grad_()
    part(slots, kept, target).error.sum().backward()
    assert slots.grad is not None
    assert slots.grad[kept].any(dim=-1).all()
    assert not slots.grad[~kept].any()
    for name, value in part.named_parameters():
        assert value.grad is not None, name
        assert value.grad.any(), name


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(SettingError, match=r"model\.decoder\.heads: 4 must divide the width of a slot, 6"):
        SlotMixerConfig().build(slot_dim=6, token_dim=8, positions=20)
