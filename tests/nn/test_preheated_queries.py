"""SmoothSA's queries: the small module, its loss, and where gradients stop."""

import pytest
import torch
from torch import Tensor, nn

from dias.errors import SettingError
from dias.models import ImageModel, ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.preheater import Preheater
from dias.nn.slots.queries import Preheated, PreheatedConfig
from toy_features import fit, toy_features


def build(**changes: object) -> Preheated:
    torch.manual_seed(0)
    config = PreheatedConfig(slots=5, **({"heads": 2} | changes))  # type: ignore[arg-type]
    return config.build(dim=8, token_dim=6).train()


def reference(part: Preheater, queries: Tensor, tokens: Tensor, *, heads: int) -> Tensor:
    """PyTorch's own attention with the same weights, in float64: cross, self, feed-forward."""

    def attend(ours: nn.Module, x: Tensor, memory: Tensor) -> Tensor:
        theirs = nn.MultiheadAttention(x.shape[-1], heads, bias=False, batch_first=True).double()
        with torch.no_grad():
            theirs.in_proj_weight.copy_(torch.cat([ours.to_queries.weight, ours.to_keys_values.weight]))
            theirs.out_proj.weight.copy_(ours.out.weight)
        mixed: Tensor = theirs(x, memory, memory)[0]
        return mixed

    x = queries + attend(part.cross_attention, queries, part.token_in(tokens))
    normed = part.norm_self(x)
    x = x + attend(part.self_attention, normed, normed)
    return x + part.mlp(part.norm_mlp(x))


def test_the_small_module_is_cross_attention_then_self_attention() -> None:
    part = build().preheater.double()
    queries, tokens = torch.randn(3, 5, 8).double(), torch.randn(3, 7, 6).double()
    torch.testing.assert_close(part(queries, tokens), reference(part, queries, tokens, heads=2))


def test_draws_start_as_standard_normal_numbers_and_need_no_tokens() -> None:
    part = build()
    drawn = part(2, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn, torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(part.eval()(2, generator=torch.Generator().manual_seed(1)), drawn)


def test_the_loss_by_hand_and_its_constant_target() -> None:
    part = build(weight=100.0)
    predicted, slots = torch.randn(2, 5, 8, requires_grad=True), torch.randn(2, 5, 8, requires_grad=True)
    kept = torch.tensor([[True] * 5, [True, True, False, True, False]])
    found = part.penalties(predicted, slots, kept)["preheat"]
    expected = 100 * (predicted - slots).double()[kept].square().mean()
    torch.testing.assert_close(found.double(), expected)
    to_prediction, to_slots = torch.autograd.grad(found, [predicted, slots], allow_unused=True)
    assert to_slots is None
    assert (to_prediction[kept] != 0).all()
    assert (to_prediction[~kept] == 0).all()


def test_the_start_teaches_the_width_of_its_noise_alone() -> None:
    part = build()
    predicted = torch.randn(2, 5, 8, requires_grad=True)
    start = part.start(predicted, generator=torch.Generator().manual_seed(2))
    noise = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(start, predicted.detach() + noise)  # a width of exp(0)
    to_prediction, to_width = torch.autograd.grad(
        start.sum(), [predicted, part.log_std_start], allow_unused=True
    )
    assert to_prediction is None
    torch.testing.assert_close(to_width[0, 0], noise.sum(dim=(0, 1)))
    assert part.eval().start(predicted) is predicted  # in evaluation no noise


def test_early_in_training_the_tokens_learn_nothing_from_the_loss() -> None:
    """A tenth of 2,000 steps is 200 of them, whatever share of a float a step is."""
    part, moved = build(), []
    for step in (0, 199, 200, 1999):
        tokens = torch.randn(2, 7, 6, requires_grad=True)
        predicted = part.preheat(part(2), tokens, progress=step / 2000)
        part.penalties(predicted, torch.randn(2, 5, 8), torch.ones(2, 5).bool())["preheat"].backward()
        moved.append(tokens.grad is not None)
        assert part.preheater.token_in.weight.grad.any()
    assert moved == [False, False, True, True]


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(SettingError, match=r"model\.queries\.heads: 3 must divide the width of a slot, 8"):
        PreheatedConfig(heads=3).build(dim=8, token_dim=6)


def model() -> ImageModel:
    torch.manual_seed(0)
    return ImageModelConfig(
        channels=12,
        positions=36,
        queries=PreheatedConfig(slots=5, heads=2),
        aggregation=AggregationConfig(slot_dim=16, bilevel=True, reduction=False, reinitialization=False),
        decoder=RandomARConfig(layers=1, heads=2),
    ).build()


def test_the_model_starts_from_the_prediction_and_reports_the_loss() -> None:
    part, (features, _) = model().eval(), toy_features()
    drawn = part.queries(8)
    out = part.from_features(features, drawn)
    tokens = part.projection(features)
    predicted = part.queries.preheat(drawn, tokens)
    torch.testing.assert_close(out.slots, part.aggregation(tokens, predicted).slots)
    expected = 100 * (predicted - out.slots).square().mean()
    torch.testing.assert_close(out.penalties["preheat"], expected)


def test_every_weight_has_a_gradient() -> None:
    part = model().train()
    out = part.from_features(toy_features()[0])
    assert out.error is not None
    (out.error.mean() + out.penalties["preheat"]).backward()
    assert [name for name, value in part.named_parameters() if value.grad is None] == []


def test_eight_images_are_fitted() -> None:
    part, (features, _) = model(), toy_features()
    first, last = fit(part, features, steps=150)
    assert last < first / 4
