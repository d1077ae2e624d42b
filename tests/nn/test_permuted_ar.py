from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from dias.errors import SettingError
from dias.nn.chance import Share
from dias.nn.decoders import PermutedARConfig, PermutedARDecoder, Target
from dias.nn.transformer import DecoderLayer

SLOTS, WIDTH, PLACES = 6, 8, 9
ALL = torch.ones(2, 4, dtype=torch.bool)


def decoder(**settings: object) -> PermutedARDecoder:
    torch.manual_seed(0)
    config = PermutedARConfig(**{"layers": 2, "heads": 2, **settings})  # type: ignore[arg-type]
    return config.build(slot_dim=SLOTS, token_dim=WIDTH, positions=PLACES)


def inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Target]:
    generator = torch.Generator().manual_seed(1)
    slots = torch.randn(2, 4, SLOTS, generator=generator, dtype=dtype)
    return slots, Target(tokens=torch.randn(2, PLACES, WIDTH, generator=generator, dtype=dtype))


def public(part: PermutedARDecoder) -> nn.TransformerDecoder:
    """PyTorch's own decoder with the same weights."""
    layer = nn.TransformerDecoderLayer(
        WIDTH, 2, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True, bias=False
    )
    stack = nn.TransformerDecoder(layer, 2).double()
    for ours, theirs in zip(part.transformer.layers, stack.layers, strict=True):
        assert isinstance(ours, DecoderLayer)
        assert isinstance(theirs, nn.TransformerDecoderLayer)
        with torch.no_grad():
            for attention, name in (
                (ours.self_attention, "self_attn"),
                (ours.cross_attention, "multihead_attn"),
            ):
                both = torch.cat([attention.to_queries.weight, attention.to_keys_values.weight])
                getattr(theirs, name).in_proj_weight.copy_(both)
                getattr(theirs, name).out_proj.weight.copy_(attention.out.weight)
            theirs.linear1.weight.copy_(ours.mlp[0].weight)
            theirs.linear2.weight.copy_(ours.mlp[2].weight)
            for norm, name in ((ours.norm_self, 1), (ours.norm_cross, 2), (ours.norm_mlp, 3)):
                getattr(theirs, f"norm{name}").weight.copy_(norm.weight)
    return stack


@pytest.mark.parametrize("training", [True, False])
def test_one_order_is_pytorchs_decoder_under_a_causal_mask(training: bool) -> None:
    part = decoder(orders=1).double().train(training)
    slots, target = inputs(torch.float64)
    kept = torch.tensor([[True, True, False, True], [True, True, True, True]])
    out = part(slots, kept, target)
    body = part.transformer
    shifted = torch.cat([body.begin.expand(2, 1, WIDTH), target.tokens[:, :-1]], dim=1)
    expected = public(part)(
        body.token_in(shifted),
        body.slot_in(slots),
        tgt_mask=nn.Transformer.generate_square_subsequent_mask(PLACES, dtype=torch.float64),
        memory_key_padding_mask=~kept,
    )
    torch.testing.assert_close(out.reconstruction, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("which", range(9))
@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_token_changes_only_what_is_read_after_it(which: int, place: int) -> None:
    part = decoder()
    slots, target = inputs()
    changed = target.tokens.clone()
    changed[:, place] += 1
    before, _ = part._in_order(which, slots, ALL, target, with_map=False)
    after, _ = part._in_order(which, slots, ALL, Target(tokens=changed), with_map=False)
    order = part.orders[which]
    turn = int((order == place).nonzero())
    torch.testing.assert_close(before[:, order[: turn + 1]], after[:, order[: turn + 1]])
    assert (before[:, order[turn + 1 :]] != after[:, order[turn + 1 :]]).any(dim=2).all()


def test_a_permuted_order_is_the_default_one_of_permuted_tokens() -> None:
    """SPOT to the letter: permute, shift behind that order's first token, decode, permute back."""
    part = decoder(position_embedding=True)
    slots, target = inputs()
    order, body = part.orders[8], part.transformer
    sequence = torch.cat([body.begin[8].expand(2, 1, WIDTH), target.tokens[:, order][:, :-1]], dim=1)
    assert body.places is not None
    x = body.token_in(sequence) + body.places[order]
    for layer in body.layers:
        x = layer(x, body.slot_in(slots), ALL, causal=True)
    expected = torch.empty_like(x)
    expected[:, order] = x
    out, _ = part._in_order(8, slots, ALL, target, with_map=False)
    torch.testing.assert_close(out, expected)


def test_the_error_is_the_mean_square() -> None:
    part = decoder(evaluation="default").double().eval()
    slots, target = inputs(torch.float64)
    with torch.no_grad():
        out = part(slots, ALL, target)
    by_hand = [
        sum(
            float((out.reconstruction[b, m, c] - target.tokens[b, m, c]) ** 2)
            for m in range(9)
            for c in range(8)
        )
        / 72
        for b in range(2)
    ]
    torch.testing.assert_close(out.error, torch.tensor(by_hand), rtol=1e-6, atol=0)


def test_evaluation_takes_the_default_order_or_the_mean_of_all() -> None:
    slots, target = inputs()
    kept = torch.tensor([[True, True, False, True]]).expand(2, -1)
    one, every = decoder(evaluation="default").eval(), decoder(evaluation="all").eval()
    each = [every._in_order(which, slots, kept, target, with_map=True) for which in range(9)]
    torch.testing.assert_close(one(slots, kept, target).reconstruction, each[0][0])
    mean = every(slots, kept, target)
    torch.testing.assert_close(mean.reconstruction, sum(prediction for prediction, _ in each) / 9)
    assert mean.attention is not None
    torch.testing.assert_close(mean.attention, sum(attention for _, attention in each) / 9)
    torch.testing.assert_close(mean.attention.sum(dim=1), torch.ones(2, PLACES))
    assert (mean.attention[:, 2] == 0).all()
    assert torch.equal(every(slots, kept, target).reconstruction, mean.reconstruction)


def test_the_map_is_the_last_cross_attention_of_each_place() -> None:
    """Slots that a place's query fits best get its attention, at that place and in any order."""
    part = decoder(layers=1).eval()
    slots, target = inputs()
    layer, body = part.transformer.layers[0], part.transformer
    assert isinstance(layer, DecoderLayer)
    order = part.orders[4]
    sequence = torch.cat([body.begin[4].expand(2, 1, WIDTH), target.tokens[:, order][:, :-1]], dim=1)
    x = layer._attend_to_self(body.token_in(sequence), causal=True)
    asked = layer.cross_attention
    queries = asked.to_queries(layer.norm_cross(x)).view(2, PLACES, 2, 4)
    keys = asked.to_keys_values(body.slot_in(slots))[..., :WIDTH].view(2, 4, 2, 4)
    shares = (torch.einsum("bmhd,bnhd->bhnm", queries, keys) / 2).softmax(dim=2)
    summed = shares.sum(dim=1)
    expected = torch.empty(2, 4, PLACES)
    expected[:, :, order] = summed / summed.sum(dim=1, keepdim=True)
    _, attention = part._in_order(4, slots, ALL, target, with_map=True)
    torch.testing.assert_close(attention, expected)


@pytest.mark.parametrize("training", [True, False])
def test_masked_slots_have_no_influence(training: bool) -> None:
    part = decoder().train(training)
    slots, target = inputs()
    kept = torch.tensor([[True, True, False, True]]).expand(2, -1)
    changed = slots.clone()
    changed[:, 2] += 100
    draw: Callable[[], torch.Generator] = lambda: torch.Generator().manual_seed(3)  # noqa: E731
    first, second = part(slots, kept, target, generator=draw()), part(changed, kept, target, generator=draw())
    torch.testing.assert_close(first.reconstruction, second.reconstruction)


def test_training_draws_one_order_a_batch_and_all_of_them() -> None:
    part = decoder().train()
    slots, target = inputs()
    possible = [part._in_order(which, slots, ALL, target, with_map=False)[0] for which in range(9)]
    drawn = set()
    for seed in range(60):
        out = part(slots, ALL, target, generator=torch.Generator().manual_seed(seed)).reconstruction
        drawn.add(next(i for i, one in enumerate(possible) if torch.allclose(one, out, atol=1e-6)))
    assert drawn == set(range(9))


def test_all_parts_of_a_batch_read_in_the_same_order() -> None:
    part = decoder().train()
    slots, target = inputs()
    for seed in range(5):
        torch.manual_seed(seed)
        whole = part(slots, ALL, target, generator=Share(start=0, total=2)).reconstruction
        torch.manual_seed(seed)
        half = Target(tokens=target.tokens[1:])
        second = part(slots[1:], ALL[1:], half, generator=Share(start=1, total=2)).reconstruction
        torch.testing.assert_close(whole[1:], second)


def test_a_narrow_decoder_reads_tokens_out_behind_its_norm() -> None:
    part = decoder(width=4, norm_out=True).eval()
    slots, target = inputs()
    x, _ = part.transformer(target.tokens, slots, ALL, order=part.orders[0])
    torch.testing.assert_close(x.mean(dim=-1), torch.zeros(2, PLACES), atol=1e-5, rtol=0)
    assert part(slots, ALL, target).reconstruction.shape == (2, PLACES, WIDTH)


def test_a_grid_that_is_no_square_is_asked_for() -> None:
    config = PermutedARConfig(heads=2)
    with pytest.raises(SettingError, match=r"model\.decoder\.grid: None is no grid of model\.positions, 12"):
        config.build(slot_dim=SLOTS, token_dim=WIDTH, positions=12)
    part = PermutedARConfig(heads=2, grid=(3, 4)).build(slot_dim=SLOTS, token_dim=WIDTH, positions=12)
    assert part.orders[1].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    with pytest.raises(SettingError, match=r"model\.decoder\.heads: 3 must divide"):
        PermutedARConfig(heads=3).build(slot_dim=SLOTS, token_dim=WIDTH, positions=9)


def test_orders_are_no_weights() -> None:
    assert not any("orders" in name for name in decoder().state_dict())


def test_a_random_order_in_evaluation_is_one_of_the_nine_with_its_map() -> None:
    part, (slots, target) = decoder().eval(), inputs()
    kept = ALL
    each = [part._in_order(order, slots, kept, target, with_map=True) for order in range(9)]
    part.config = replace(part.config, evaluation="random")
    found = set()
    for seed in range(20):
        out = part(slots, kept, target, generator=torch.Generator().manual_seed(seed))
        assert out.attention is not None
        (which,) = [
            i for i, (prediction, _) in enumerate(each) if torch.equal(prediction, out.reconstruction)
        ]
        assert torch.equal(each[which][1], out.attention)
        found.add(which)
    assert len(found) > 4
