"""AdaSlot's aggregation: the draw, its gradient, its penalty, and what becomes of slots that are dropped."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from dias.errors import DiasError, SettingError
from dias.models import ImageModel, ImageModelConfig
from dias.nn.chance import Share
from dias.nn.decoders import BroadcastMLPConfig, RandomARConfig
from dias.nn.slots.adaslot import AdaSlotAggregation, AdaSlotConfig
from dias.nn.slots.queries import NormalSeparateConfig
from toy_features import fit, toy_features


def build(seed: int = 0, **changes: object) -> AdaSlotAggregation:
    torch.manual_seed(seed)
    return AdaSlotConfig(slot_dim=8, **changes).build(token_dim=6).train()  # type: ignore[arg-type]


def seed(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_draw_and_its_straight_through_gradient_by_hand(temperature: float) -> None:
    """Value: whichever noisy score is larger. Gradient: that of the softmax of the noisy scores."""
    part, slots = build(temperature=temperature), torch.randn(3, 5, 8)
    noise = -torch.log(-torch.log(torch.rand(3, 5, 2, generator=seed(4)).double()))
    scores = part.choice(slots).detach().double().requires_grad_()
    soft = torch.sigmoid((scores + noise)[..., 1] / temperature - (scores + noise)[..., 0] / temperature)
    weights = torch.randn(3, 5).double()
    (expected,) = torch.autograd.grad((soft * weights).sum(), scores)

    found: list[Tensor] = []
    part.choice.register_forward_hook(lambda module, given, out: found.append(out))
    presence = part.select(slots, generator=seed(4))
    (gradient,) = torch.autograd.grad((presence * weights.float()).sum(), found[0])
    torch.testing.assert_close(gradient.double(), expected, atol=1e-6, rtol=1e-4)
    assert torch.equal(presence == 1, soft > 0.5)
    assert set(presence.unique().tolist()) == {0.0, 1.0}


def test_training_draws_as_often_as_the_softmax_says_and_evaluation_does_what_is_likelier() -> None:
    part, slots = build(), torch.randn(1, 4, 8)
    likely = part.choice(slots).softmax(dim=-1)[0, :, 1]
    drawn = part.select(slots.expand(20_000, -1, -1)).mean(dim=0)
    none = (1 - likely).prod()  # then one is kept all the same: at most so often
    assert (drawn - likely).abs().max() < none + 0.02
    still = part.eval().select(slots, generator=seed(1))
    assert torch.equal(still, part.select(slots, generator=seed(2)))
    assert torch.equal(still[0] == 1, likely > 0.5)


def test_an_image_keeps_its_likeliest_slot_when_it_would_lose_all() -> None:
    part, slots = build().eval(), torch.randn(6, 5, 8)
    with torch.no_grad():
        part.choice[-1].bias += torch.tensor([10.0, -10.0])
    kept = part.select(slots) == 1
    assert (kept.sum(dim=1) == 1).all()
    scores = part.choice(slots)
    assert torch.equal(kept.int().argmax(dim=1), (scores[..., 1] - scores[..., 0]).argmax(dim=1))


def test_the_penalty_is_the_share_of_kept_slots_by_its_weight() -> None:
    part = build(sparsity=0.3)
    chosen = torch.tensor([True, False, True, True])
    out = part(torch.randn(4, 7, 6), torch.randn(4, 5, 8), reduce=chosen, generator=seed(3))
    assert out.kept[1].all()
    torch.testing.assert_close(out.penalties["sparsity"], torch.tensor(0.3 * out.kept.sum().item() / 20))
    part.zero_grad()
    out.penalties["sparsity"].backward()
    moved = part.choice[-1].weight.grad
    assert moved is not None
    assert moved.abs().sum() > 0
    assert part.choice[-1].bias.grad[1] > 0  # a step against it keeps fewer


def test_without_selection_it_is_plain_slot_attention() -> None:
    part = build().eval()
    tokens, queries = torch.randn(2, 7, 6), torch.randn(2, 5, 8)
    keys, values = part.competition.keys_values(tokens)
    slots = queries
    for _ in range(3):
        slots, logits = part.competition(slots, keys, values)
    for reduce in (False, torch.tensor([False, False])):
        out = part(tokens, queries, reduce=reduce)
        torch.testing.assert_close(out.slots, slots)
        torch.testing.assert_close(out.logits[-1], logits)
        assert out.kept.all()


@settings(max_examples=30)
@given(number=st.integers(0, 2**16), data=st.data())
def test_the_order_of_queries_does_not_matter_and_dropped_slots_take_nothing(
    number: int, data: st.DataObject
) -> None:
    part = build(number).eval()
    order = list(data.draw(st.permutations(range(5))))
    tokens, queries = torch.randn(2, 7, 6), torch.randn(2, 5, 8)
    out, other = part(tokens, queries), part(tokens, queries[:, order])
    torch.testing.assert_close(other.slots, out.slots[:, order])
    assert torch.equal(other.kept, out.kept[:, order])
    attention = out.logits[-1].softmax(dim=1)
    assert (attention[~out.kept] == 0).all()
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2, 7))


def test_a_part_of_a_batch_is_drawn_as_in_the_whole() -> None:
    part, tokens, queries = build(), torch.randn(6, 7, 6), torch.randn(6, 5, 8)
    torch.manual_seed(5)
    whole = part(tokens, queries)
    torch.manual_seed(5)
    rest = part(tokens[4:], queries[4:], generator=Share(start=4, total=6))
    assert torch.equal(rest.kept, whole.kept[4:])


def model(**changes: object) -> ImageModel:
    torch.manual_seed(0)
    return ImageModelConfig(
        channels=12,
        positions=36,
        queries=NormalSeparateConfig(slots=5),
        aggregation=AdaSlotConfig(slot_dim=16, bilevel=True, **changes),  # type: ignore[arg-type]
        decoder=BroadcastMLPConfig(layers=2, hidden=64),
    ).build()


def test_the_reconstruction_alone_teaches_which_slots_to_keep() -> None:
    part = model(sparsity=0.0).train()
    out = part.from_features(toy_features()[0])
    assert out.error is not None
    out.error.mean().backward()
    gradient = part.aggregation.choice[-1].weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_every_weight_has_a_gradient_with_and_without_selection() -> None:
    """Several processes wait for every weight's gradient, also before `training.reduce_from`."""
    for reduce in (True, False):
        part = model().train()
        out = part.from_features(toy_features()[0], reduce=reduce)
        assert out.error is not None
        (out.error.mean() + out.penalties["sparsity"]).backward()
        assert [name for name, value in part.named_parameters() if value.grad is None] == []


def test_eight_images_are_fitted() -> None:
    part, (features, _) = model(), toy_features()
    first, last = fit(part, features, steps=150)
    assert last < first / 4
    assert part.eval().from_features(features).mask.sum() < 40  # the penalty has dropped some


def test_a_decoder_that_cannot_weigh_slots_is_refused() -> None:
    with pytest.raises(SettingError, match=r"model\.decoder\.kind: 'random_ar' cannot teach adaslot"):
        ImageModelConfig(aggregation=AdaSlotConfig(), decoder=RandomARConfig()).build()


def test_there_is_no_threshold() -> None:
    with pytest.raises(DiasError, match="threshold: an aggregation of kind adaslot has none"):
        model().with_threshold(0.1)
