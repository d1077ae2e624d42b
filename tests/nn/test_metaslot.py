"""MetaSlot's aggregation: doubles by prototype, the two stages, their noise and their gradient."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from dias.errors import DiasError
from dias.models import ImageModel, ImageModelConfig
from dias.nn.chance import Share
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.slots.metaslot import MetaSlotAggregation, MetaSlotConfig
from dias.nn.slots.queries import NormalSeparateConfig
from toy_features import fit, toy_features


def build(seed: int = 0, **changes: object) -> MetaSlotAggregation:
    """With prototypes among which slots have doubles, as they have after training."""
    torch.manual_seed(seed)
    config = MetaSlotConfig(slot_dim=8, **({"prototypes": 4} | changes))  # type: ignore[arg-type]
    part = config.build(token_dim=6).train()
    part.prototypes.codes.copy_(torch.randn_like(part.prototypes.codes))
    return part


def some(images: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(images, 7, 6), torch.randn(images, 5, 8)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**16))
def test_of_slots_with_one_prototype_the_first_stays(seed: int) -> None:
    """By a loop, as the paper's code does it; and both stages by hand."""
    part, (tokens, queries) = build(seed).eval(), some()
    out = part(tokens, queries)
    keys, values = part.competition.keys_values(tokens)
    middle = queries
    for _ in range(3):
        middle, _ = part.competition(middle, keys, values)
    numbers = torch.cdist(middle, part.prototypes.codes).argmin(dim=-1)
    kept, slots = torch.ones(4, 5, dtype=torch.bool), queries.clone()
    for image in range(4):
        if len(set(numbers[image].tolist())) > 1:
            seen: set[int] = set()
            for place, number in enumerate(numbers[image].tolist()):
                kept[image, place] = number not in seen
                slots[image, place] = part.prototypes.codes[number]
                seen.add(number)
    for _ in range(3):
        slots, logits = part.competition(slots, keys, values, kept)
    assert torch.equal(out.kept, kept)
    torch.testing.assert_close(out.slots[kept], slots[kept])
    torch.testing.assert_close(out.logits[-1], logits)
    assert len(out.logits) == 6


def test_copies_of_one_slot_are_kept_as_they_are() -> None:
    """All have one prototype: an image with a single slot explains nothing."""
    part, (tokens, _) = build().eval(), some()
    queries = torch.randn(4, 1, 8).expand(4, 5, 8)
    out = part(tokens, queries)
    assert out.kept.all()
    torch.testing.assert_close(out.slots, part(tokens, queries, reduce=False).slots)


def test_selection_is_decided_image_by_image() -> None:
    part, (tokens, queries) = build().eval(), some()
    mixed = part(tokens, queries, reduce=torch.tensor([True, False, True, False]))
    whole, plain = part(tokens, queries), part(tokens, queries, reduce=False)
    assert plain.kept.all()
    assert len(plain.logits) == 3
    torch.testing.assert_close(mixed.slots[::2], whole.slots[::2])
    torch.testing.assert_close(mixed.slots[1::2], plain.slots[1::2])
    assert mixed.kept[1::2].all()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), data=st.data())
def test_the_order_of_queries_does_not_change_the_set_of_slots(seed: int, data: st.DataObject) -> None:
    """Which double is first depends on the order; what the kept ones are does not."""
    part, (tokens, queries) = build(seed).eval(), some(1)
    order = list(data.draw(st.permutations(range(5))))
    one, other = (part(tokens, q) for q in (queries, queries[:, order]))
    left, right = (out.slots[out.kept] for out in (one, other))
    assert left.shape == right.shape
    distance = torch.cdist(left, right)
    assert distance.min(dim=0).values.max() < 1e-4
    assert distance.min(dim=1).values.max() < 1e-4


def test_training_noise_falls_to_nothing_in_the_last_round() -> None:
    part, (tokens, queries) = build(noise=0.8), some(2)
    seen = []
    part.competition.key.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    part(tokens, queries, reduce=False, generator=torch.Generator().manual_seed(1))
    still, first, second = seen  # the third round sees them without noise, again
    assert (first - still).std().item() == pytest.approx(0.8, rel=0.2)
    assert (second - still).std().item() == pytest.approx(0.4, rel=0.2)
    seen.clear()
    part.eval()(tokens, queries, reduce=False)
    assert len(seen) == 1


def test_the_gradient_reaches_the_queries_by_the_last_round_alone() -> None:
    part, (tokens, queries) = build(noise=0.0).eval(), some()
    queries.requires_grad_()
    out = part(tokens, queries)
    (gradient,) = torch.autograd.grad(out.slots[out.kept].square().sum(), queries, retain_graph=True)
    keys, values = part.competition.keys_values(tokens)
    start, kept, _ = part._likened(tokens, queries.detach(), True, None)
    for _ in range(2):
        start, _ = part.competition(start, keys, values, kept)
    start = start.detach().requires_grad_()
    slots, _ = part.competition(start, keys, values, kept)
    (expected,) = torch.autograd.grad(slots[kept].square().sum(), start)
    torch.testing.assert_close(gradient, expected)


def test_the_prototypes_follow_in_training_alone() -> None:
    part, (tokens, queries) = build(), some()
    before = part.prototypes.codes.clone()
    part.eval()(tokens, queries)
    assert torch.equal(part.prototypes.codes, before)
    out = part.train()(tokens, queries)
    used = (part.prototypes.codes != before).any(dim=1)
    assert used.any()
    assert not out.slots.isnan().any()


def test_a_part_of_a_batch_is_computed_as_in_the_whole() -> None:
    part, (tokens, queries) = build(), some(6)
    torch.manual_seed(5)
    rest = part(tokens[2:4], queries[2:4], generator=Share(start=2, total=6))
    torch.manual_seed(5)
    whole = part(tokens, queries)
    assert torch.equal(rest.kept, whole.kept[2:4])
    torch.testing.assert_close(rest.slots, whole.slots[2:4])


def model() -> ImageModel:
    torch.manual_seed(0)
    return ImageModelConfig(
        channels=12,
        positions=36,
        queries=NormalSeparateConfig(slots=5),
        aggregation=MetaSlotConfig(slot_dim=16, prototypes=32, patience=0.15),
        decoder=BroadcastMLPConfig(layers=2, hidden=64),
    ).build()


def test_eight_images_are_fitted() -> None:
    part, (features, _) = model(), toy_features()
    first, last = fit(part, features, steps=150)
    assert last < first / 3
    assert part.from_features(features).mask.sum() < 40  # there were doubles


def test_the_prototypes_are_weights_that_are_saved() -> None:
    saved = model().head_state()
    assert {"aggregation.prototypes.codes", "aggregation.prototypes.last_used"} <= saved.keys()


def test_there_is_no_threshold() -> None:
    with pytest.raises(DiasError, match="threshold: an aggregation of kind metaslot has none"):
        model().with_threshold(0.1)
