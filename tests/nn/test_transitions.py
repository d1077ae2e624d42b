import pytest
import torch
from torch import Tensor, nn

from dias.errors import SettingError
from dias.nn.chance import Share
from dias.nn.slots.transitions import (
    AnyTransition,
    EncoderTransitionConfig,
    PairTransitionConfig,
    Past,
    ResidualTransitionConfig,
    StillTransitionConfig,
    Transition,
)
from dias.nn.slots.transitions.pair import PairTransition
from dias.nn.slots.transitions.residual import ResidualTransition
from dias.nn.transformer import Attention

KINDS = [
    EncoderTransitionConfig(heads=2),
    PairTransitionConfig(heads=2, window=4),
    ResidualTransitionConfig(heads=2),
]


def build(config: AnyTransition) -> Transition:
    torch.manual_seed(0)
    part = config.build(dim=8, feature_dim=6)
    if isinstance(part, ResidualTransition):
        nn.init.normal_(part.out.weight)  # as after training
    return part


def past(frames: int = 1, *, seed: int = 0, kept: Tensor | None = None) -> Past:
    chance = torch.Generator().manual_seed(seed)
    return Past(
        slots=tuple(torch.randn(3, 5, 8, generator=chance) for _ in range(frames)),
        features=(),
        kept=torch.ones(3, 5).bool() if kept is None else kept,
    )


def same_attention(theirs: nn.MultiheadAttention, ours: Attention) -> None:
    theirs.in_proj_weight.copy_(torch.cat([ours.to_queries.weight, ours.to_keys_values.weight]))
    theirs.out_proj.weight.copy_(ours.out.weight)


@torch.no_grad()
def test_the_encoder_is_pytorchs_post_norm_layer() -> None:
    ours = build(KINDS[0]).eval()
    theirs = nn.TransformerEncoderLayer(8, 2, 32, activation="gelu", batch_first=True, bias=False).eval()
    same_attention(theirs.self_attn, ours.block.attention)
    theirs.linear1.weight.copy_(ours.block.mlp[0].weight)
    theirs.linear2.weight.copy_(ours.block.mlp[3].weight)
    kept = torch.rand(3, 5, generator=torch.Generator().manual_seed(3)) < 0.6
    kept[:, 0] = True
    given = past(kept=kept)
    expected = theirs(given.slots[0], src_key_padding_mask=~kept)
    found = ours(given, torch.zeros(3, 4, 6))
    torch.testing.assert_close(found[kept], expected[kept], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_residual_starts_still_and_then_adds_what_the_encoder_finds() -> None:
    given, features = past(), torch.zeros(3, 4, 6)
    new = ResidualTransitionConfig(heads=2).build(dim=8, feature_dim=6).eval()
    assert torch.equal(new(given, features), given.slots[0])
    trained, encoder = build(KINDS[2]).eval(), build(KINDS[0]).eval()
    encoder.block.load_state_dict(trained.block.state_dict())
    added = encoder(given, features) @ trained.out.weight.mT
    torch.testing.assert_close(trained(given, features), given.slots[0] + added)


@torch.no_grad()
def test_the_pair_is_pytorchs_post_norm_decoder_layer_on_the_last_slots_and_present_features() -> None:
    ours = build(KINDS[1]).eval()
    theirs = nn.TransformerDecoderLayer(8, 2, 32, activation="gelu", batch_first=True, bias=False).eval()
    same_attention(theirs.self_attn, ours.self_attention)
    same_attention(theirs.multihead_attn, ours.block.attention)
    theirs.linear1.weight.copy_(ours.block.mlp[0].weight)
    theirs.linear2.weight.copy_(ours.block.mlp[3].weight)
    given, features = past(), torch.randn(3, 4, 6)
    memory = ours.feature_in(features) + ours.ago.weight[0]
    expected = theirs(given.slots[0] + ours.ago.weight[1], memory)
    torch.testing.assert_close(ours(given, features), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", KINDS)
def test_slots_may_be_in_any_order_and_masked_ones_are_not_seen(config: EncoderTransitionConfig) -> None:
    part, order = build(config).eval(), torch.tensor([3, 0, 4, 1, 2])
    kept = torch.tensor([[True, False, True, True, False]]).expand(3, 5)
    given, features = past(kept=kept), torch.randn(3, 4, 6)
    moved = Past(slots=(given.slots[0][:, order],), features=(), kept=kept[:, order])
    found = part(given, features)
    torch.testing.assert_close(part(moved, features), found[:, order])
    changed = torch.where(kept[..., None], given.slots[0], 9.0)
    other = part(Past(slots=(changed,), features=(), kept=kept), features)
    torch.testing.assert_close(other[kept], found[kept])


@pytest.mark.parametrize("config", KINDS)
def test_what_is_remembered_does_not_grow(config: EncoderTransitionConfig) -> None:
    part = build(config)
    for mode, slots, features in ((True, 3 if part.features_remembered else 1, 2), (False, 1, 0)):
        remembered = None
        part.train(mode)
        for frame in range(9):
            remembered = part.remember(
                remembered,
                slots=torch.full((1, 2, 8), float(frame)),
                features=torch.zeros(1, 4, 6),
                kept=torch.ones(1, 2).bool(),
            )
        assert len(remembered.slots) == slots
        assert len(remembered.features) == (features if part.features_remembered else 0)
        assert remembered.slots[-1][0, 0, 0] == 8


class Spy(PairTransition):
    def _from_pair(self, slots, slots_ago, features, features_ago, *, kept, chance):  # type: ignore[no-untyped-def]
        self.seen = slots[:, 0, 0], slots_ago, features[:, 0, 0], features_ago
        return slots


def test_pairs_are_of_every_earlier_frame_and_of_no_features_of_the_first() -> None:
    spy = Spy(PairTransitionConfig(heads=2, window=4), dim=8, feature_dim=6).train()
    remembered = None
    chance = torch.Generator().manual_seed(0)
    for frame in range(7):
        features = torch.full((200, 4, 6), float(frame))
        if remembered is not None:
            spy(remembered, features, generator=chance)
            slot, slot_ago, feature, feature_ago = spy.seen
            assert torch.equal(frame - slot.long(), slot_ago)
            assert torch.equal(frame - feature.long(), feature_ago)
            assert set(slot.tolist()) == set(range(max(0, frame - 3), frame))
            assert set(feature.tolist()) == set(range(max(1, frame - 2), frame + 1))
        remembered = spy.remember(
            remembered,
            slots=torch.full((200, 2, 8), float(frame)),
            features=features,
            kept=torch.ones(200, 2).bool(),
        )


def test_the_pair_stops_gradients_and_the_others_do_not() -> None:
    for config, flows in zip(KINDS, (True, False, True), strict=True):
        given, features = past(), torch.randn(3, 4, 6, requires_grad=True)
        given.slots[0].requires_grad_()
        build(config).train()(given, features).square().sum().backward()
        assert (given.slots[0].grad is not None) is flows
        assert features.grad is None


@pytest.mark.parametrize("config", KINDS)
def test_a_part_of_a_batch_draws_what_it_would_in_the_whole(config: EncoderTransitionConfig) -> None:
    part, given, features = build(config).train(), past(3), torch.randn(3, 4, 6)
    torch.manual_seed(5)
    whole = part(given, features)
    torch.manual_seed(5)
    last = Past(slots=tuple(one[2:] for one in given.slots), features=(), kept=given.kept[2:])
    found = part(last, features[2:], generator=Share(start=2, total=3))
    torch.testing.assert_close(found, whole[2:])


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(SettingError, match=r"model\.transition\.heads: 3 must divide the width of a slot, 8"):
        EncoderTransitionConfig(heads=3).build(dim=8, feature_dim=6)


def test_still_gives_the_last_slots_and_has_nothing_to_learn() -> None:
    still = build(StillTransitionConfig())
    given = past(3)
    assert still(given, torch.zeros(3, 4, 6)) is given.slots[-1]
    assert not still.state_dict()
