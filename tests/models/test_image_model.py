from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dias.errors import DiasError, SettingError
from dias.models import ImageModel, ImageModelConfig
from dias.nn import reduce_redundancy
from dias.nn.decoders import BroadcastMLPConfig, RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSeparateConfig

SMALL = ImageModelConfig(
    channels=12,
    positions=16,
    queries=NormalSeparateConfig(slots=5),
    aggregation=AggregationConfig(slot_dim=8, threshold=0.3),
    decoder=RandomARConfig(layers=2, heads=2),
)


def build(**aggregation: object) -> ImageModel:
    torch.manual_seed(0)
    config = replace(SMALL, aggregation=replace(SMALL.aggregation, **aggregation))
    return config.build().eval()


def build_with(decoder: RandomARConfig | BroadcastMLPConfig, **aggregation: object) -> ImageModel:
    torch.manual_seed(0)
    config = replace(SMALL, decoder=decoder, aggregation=replace(SMALL.aggregation, **aggregation))
    return config.build().eval()


def features(seed: int = 1, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 16, 12, generator=torch.Generator().manual_seed(seed))


def doubled(model: ImageModel, batch: int = 3) -> torch.Tensor:
    """Queries of which the second and the fourth are copies of the first and the third."""
    drawn = model.queries(batch).clone()
    drawn[:, 1], drawn[:, 3] = drawn[:, 0], drawn[:, 2]
    return drawn


@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), threshold=st.floats(0, 2), reduce=st.booleans())
def test_every_map_is_a_probability_map_and_masked_slots_take_nothing(
    seed: int, threshold: float, reduce: bool
) -> None:
    model = build(threshold=threshold)
    out = model.from_features(features(seed), reduce=reduce)
    assert len(out.attention) == 3
    assert out.decoder_attention is not None
    assert (out.mask.sum(dim=1) >= 2).all()
    for attention in [*out.attention, out.decoder_attention]:
        assert attention.shape == (3, 5, 16)
        assert (attention >= 0).all()
        torch.testing.assert_close(attention.sum(dim=1), torch.ones(3, 16))
    for attention in (out.attention[-1], out.decoder_attention):
        assert (attention[~out.mask] == 0).all()


def test_copies_are_merged_and_the_slots_are_aggregated_once_more() -> None:
    """By hand: two rounds, reduction, one round under the mask."""
    model = build()
    queries, part = doubled(model), model.aggregation.competition
    out = model.from_features(features(), queries=queries)
    tokens = model.projection(features())
    keys, values = part.keys_values(tokens)
    slots, _ = part(queries, keys, values)
    slots, _ = part(slots, keys, values)
    merged, kept = reduce_redundancy(slots, 0.3)
    slots, logits = part(merged, keys, values, kept)
    assert not kept[:, 1].any()
    assert torch.equal(out.mask, kept)
    torch.testing.assert_close(out.slots[kept], slots[kept])
    torch.testing.assert_close(out.attention[-1], logits.softmax(dim=1))


def test_without_reduction_it_is_plain_slot_attention() -> None:
    model = build()
    out = model.from_features(features(), queries=doubled(model), reduce=False)
    keys, values = model.aggregation.competition.keys_values(model.projection(features()))
    slots = doubled(model)
    for _ in range(3):
        slots, _ = model.aggregation.competition(slots, keys, values)
    assert out.mask.all()
    torch.testing.assert_close(out.slots, slots)


@pytest.mark.parametrize(
    ("switches", "rounds", "merged"),
    [
        ({"reduction": False, "reinitialization": False}, 3, False),
        ({"reduction": False}, 3, False),
        ({"reinitialization": False}, 3, True),
        ({}, 3, True),
        ({"reduce_after": 3}, 4, True),
        ({"reduction": False, "reduce_after": 3}, 4, False),
    ],
)
def test_each_switch_does_what_it_says(switches: dict[str, object], rounds: int, merged: bool) -> None:
    model = build(**switches)
    out = model.from_features(features(), queries=doubled(model))
    assert len(out.attention) == rounds
    assert bool((~out.mask).any()) == merged
    torch.testing.assert_close(out.attention[-1].sum(dim=1), torch.ones(3, 16))
    assert (out.attention[-1][~out.mask] == 0).all()


def test_reduction_alone_adds_up_the_members_maps() -> None:
    model = build(reinitialization=False, threshold=1e-5)
    queries = doubled(model)
    merged = model.from_features(features(), queries=queries)
    plain = model.from_features(features(), queries=queries, reduce=False)
    assert merged.mask[0].tolist() == [True, False, True, False, True]
    expected = plain.attention[-1][0, 0] + plain.attention[-1][0, 1]
    torch.testing.assert_close(merged.attention[-1][0, 0], expected)


def test_a_counted_slot_weighs_in_the_decoder_what_it_stands_for() -> None:
    """By hand, for a decoder of one softmax over slots: the logarithm of the number on its logits."""
    torch.manual_seed(0)
    aggregation = replace(SMALL.aggregation, counted=True, threshold=1e-6)
    decoder = BroadcastMLPConfig(layers=1, hidden=8)
    model = replace(SMALL, aggregation=aggregation, decoder=decoder).build().eval()
    out = model.from_features(features(), queries=doubled(model))
    assert out.mask[0].tolist() == [True, False, True, False, True]
    assert out.stand_in is not None
    assert out.stand_in[0].tolist() == [0, 0, 2, 2, 4]
    painted = model.decoder.mlp(out.slots[:, [0, 2, 4], None] + model.decoder.positions)
    weights = (painted[..., -1] + torch.tensor([2.0, 2.0, 1.0]).log()[:, None]).softmax(dim=1)
    assert out.decoder_attention is not None
    torch.testing.assert_close(out.decoder_attention[:, [0, 2, 4]], weights)
    assert (out.decoder_attention[:, [1, 3]] == 0).all()
    torch.testing.assert_close(
        out.reconstruction, (painted[..., :-1] * weights[..., None]).sum(dim=1), atol=1e-6, rtol=1e-4
    )


@pytest.mark.parametrize(
    "decoder", [RandomARConfig(layers=2, heads=2), BroadcastMLPConfig(layers=1, hidden=8)]
)
def test_where_nothing_is_merged_counting_changes_nothing(
    decoder: RandomARConfig | BroadcastMLPConfig,
) -> None:
    once, counted = (
        build_with(decoder, counted=counted, threshold=0.0).from_features(features())
        for counted in (False, True)
    )
    torch.testing.assert_close(once.decoder_attention, counted.decoder_attention)
    torch.testing.assert_close(once.error, counted.error)


def test_reduction_is_decided_image_by_image() -> None:
    model = build()
    queries = doubled(model)
    mixed = model.from_features(features(), queries=queries, reduce=torch.tensor([True, False, True]))
    whole = model.from_features(features(), queries=queries)
    plain = model.from_features(features(), queries=queries, reduce=False)
    torch.testing.assert_close(mixed.slots[[0, 2]], whole.slots[[0, 2]])
    torch.testing.assert_close(mixed.slots[1], plain.slots[1])
    assert mixed.mask[1].all()


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    model = build()
    queries = doubled(model)
    together = model.from_features(features(), queries=queries)
    alone = model.from_features(features()[1:2], queries=queries[1:2])
    torch.testing.assert_close(together.slots[1:2], alone.slots)


@pytest.mark.parametrize("bilevel", [True, False])
def test_bilevel_sends_the_gradient_to_the_queries_alone(bilevel: bool) -> None:
    """BO-QSA: the value is that of the last round, its gradient knows nothing of the rounds before."""
    model = build(bilevel=bilevel)
    queries = doubled(model).requires_grad_()
    out = model.from_features(features(), queries=queries)
    straight = model.from_features(features(), queries=queries.detach())
    torch.testing.assert_close(out.slots, straight.slots)
    (gradient,) = torch.autograd.grad(out.slots[out.mask].sum(), queries)
    assert gradient.abs().sum() > 0
    if bilevel:  # a copy's gradient is that of its cluster's mean: both members get half
        torch.testing.assert_close(gradient[:, 0], gradient[:, 1])


def test_a_generator_makes_training_repeatable() -> None:
    model = build().train()
    first = model.from_features(features(), generator=torch.Generator().manual_seed(3))
    again = model.from_features(features(), generator=torch.Generator().manual_seed(3))
    other = model.from_features(features(), generator=torch.Generator().manual_seed(4))
    assert first.reconstruction is not None
    assert again.reconstruction is not None
    assert other.reconstruction is not None
    assert torch.equal(first.reconstruction, again.reconstruction)
    assert not torch.equal(first.reconstruction, other.reconstruction)


@pytest.mark.parametrize(
    "decoder", [RandomARConfig(layers=1, heads=2), BroadcastMLPConfig(layers=1, hidden=16)]
)
@pytest.mark.parametrize("pca", [None, 6])
def test_all_weights_are_trained(decoder: RandomARConfig | BroadcastMLPConfig, pca: int | None) -> None:
    torch.manual_seed(0)
    model = replace(SMALL, decoder=decoder, pca=pca).build().train()
    out = model.from_features(features())
    assert out.reconstruction is not None
    assert out.target is not None
    assert out.reconstruction.shape == out.target.tokens.shape == (3, 16, pca or 12)
    (out.reconstruction.square().mean() + out.attention_logits[0].square().mean()).backward()
    without = [name for name, value in model.named_parameters() if value.grad is None]
    assert without == []


def test_another_threshold_shares_the_weights() -> None:
    model = build()
    twin = model.with_threshold(0.0)
    assert twin.from_features(features(), queries=doubled(model)).mask.all()
    assert not model.from_features(features(), queries=doubled(model)).mask.all()
    assert twin.aggregation.competition is model.aggregation.competition


def test_images_need_a_backbone() -> None:
    with pytest.raises(DiasError, match="has no backbone"):
        build()(torch.zeros(1, 3, 28, 28))


def test_features_and_queries_of_another_model_are_refused() -> None:
    model = build()
    with pytest.raises(DiasError, match="features: 13 channels, the model was made for 12"):
        model.from_features(torch.zeros(1, 16, 13))
    with pytest.raises(DiasError, match="features: 9 tokens, the decoder knows 16; take the size"):
        model.from_features(torch.zeros(1, 9, 12))
    assert model.from_features(torch.zeros(1, 9, 12), decode=False).attention[0].shape == (1, 5, 9)
    with pytest.raises(DiasError, match="queries: 7 wide, the model's slots are 8"):
        model.from_features(torch.zeros(1, 16, 12), torch.zeros(1, 5, 7))


def test_more_components_than_channels_are_refused() -> None:
    with pytest.raises(SettingError, match=r"model\.pca: 13 is more than model\.channels, 12"):
        replace(SMALL, pca=13).build()


def test_a_single_round_leaves_nothing_before_the_reduction() -> None:
    with pytest.raises(SettingError, match=r"aggregation\.iterations: 1"):
        build(iterations=1)
