"""Losses of clips against sums made by hand, slot by slot and token by token, in float64."""

import math

import pytest
import torch
from torch import Tensor

from dias.models.clip_outputs import ClipOutput
from dias.models.outputs import SlotOutput
from dias.nn.decoders import Target
from dias.objectives import ObjectiveConfig, clip_loss, slot_contrast, temporal_similarity


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(one: Tensor, other: Tensor) -> float:
    dot = sum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    length = [math.sqrt(sum(float(a) ** 2 for a in vector)) for vector in (one, other)]
    return dot / (length[0] * length[1])


def contrast_by_hand(slots: Tensor, kept: Tensor, temperature: float) -> float:
    clips, frames, count, _ = slots.shape
    costs = []
    for frame in range(1, frames):
        for clip in range(clips):
            for slot in range(count):
                if not (kept[clip, frame, slot] and kept[clip, frame - 1, slot]):
                    continue
                choices = {
                    (other, place): cosine(slots[clip, frame, slot], slots[other, frame - 1, place])
                    for other in range(clips)
                    for place in range(count)
                    if kept[other, frame - 1, place]
                }
                total = sum(math.exp(value / temperature) for value in choices.values())
                costs.append(math.log(total) - choices[clip, slot] / temperature)
    return sum(costs) / len(costs) if costs else 0.0


@pytest.mark.parametrize("temperature", [0.1, 0.7])
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_slot_contrast_is_the_sum_by_hand(share: float, temperature: float) -> None:
    slots = drawn(3, 4, 5, 6)
    kept = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(1)) < share
    found = slot_contrast(slots, kept, temperature=temperature)
    assert found.item() == pytest.approx(contrast_by_hand(slots, kept, temperature), rel=1e-12)


def test_where_all_slots_are_there_it_is_the_published_loss() -> None:
    """Cross-entropy with the unit matrix, classes along the earlier frame."""
    slots = drawn(2, 3, 4, 5)
    flat = torch.nn.functional.normalize(slots, dim=-1).transpose(0, 1).flatten(1, 2)
    logits = flat[:-1] @ flat[1:].mT / 0.1
    expected = torch.nn.functional.cross_entropy(logits, torch.eye(8, dtype=torch.float64).expand(2, 8, 8))
    torch.testing.assert_close(slot_contrast(slots, torch.ones(2, 3, 4, dtype=torch.bool)), expected)


def test_slots_that_are_not_there_get_no_gradient_and_change_nothing() -> None:
    slots = drawn(2, 3, 4, 5).requires_grad_()
    kept = torch.ones(2, 3, 4, dtype=torch.bool)
    kept[0, 1, 2] = kept[1, 0, 0] = kept[1, 2, 3] = False
    slot_contrast(slots, kept).backward()
    assert slots.grad is not None
    assert slots.grad.isfinite().all()
    assert (slots.grad[~kept] == 0).all()
    assert (slots.grad[0, 0] != 0).any()
    other = torch.where(kept[..., None], slots.detach(), 1e4)
    assert torch.equal(slot_contrast(other, kept), slot_contrast(slots.detach(), kept))


def test_without_a_slot_in_two_frames_in_a_row_the_loss_is_nothing() -> None:
    slots = drawn(1, 2, 3, 4).requires_grad_()
    kept = torch.tensor([[[True, False, False], [False, True, True]]])
    loss = slot_contrast(slots, kept)
    loss.backward()
    assert loss.item() == 0
    assert slots.grad is not None
    assert (slots.grad == 0).all()
    assert slot_contrast(slots[:, :1], kept[:, :1]).item() == 0  # a clip of one frame


def similarity_by_hand(features: Tensor, prediction: Tensor, temperature: float) -> float:
    clips, frames, tokens, _ = features.shape
    costs = []
    for clip in range(clips):
        for frame in range(frames - 1):
            for token in range(tokens):
                alike = [
                    cosine(features[clip, frame, token], features[clip, frame + 1, k]) for k in range(tokens)
                ]
                weights = [math.exp(value / temperature) if value >= 0 else 0.0 for value in alike]
                if not any(weights):
                    weights = [1.0] * tokens
                logits = [float(value) for value in prediction[clip, frame, token]]
                total = math.log(sum(math.exp(value) for value in logits))
                shares = [weight / sum(weights) for weight in weights]
                costs.append(-sum(s * (v - total) for s, v in zip(shares, logits, strict=True)))
    return sum(costs) / len(costs)


@pytest.mark.parametrize("temperature", [0.075, 0.25, 1.0])
def test_temporal_similarity_is_the_sum_by_hand(temperature: float) -> None:
    features, prediction = drawn(2, 3, 7, 5), drawn(2, 2, 7, 7, seed=1)
    features[0, 0, 0] = 1  # nothing of the next frame is like this token
    features[0, 1] = -features[0, 1].abs()
    found = temporal_similarity(features, prediction, temperature=temperature)
    assert found.item() == pytest.approx(similarity_by_hand(features, prediction, temperature), rel=1e-12)


def test_the_truth_has_no_gradient_and_the_right_prediction_the_least_loss() -> None:
    features = drawn(1, 2, 6, 4).requires_grad_()
    prediction = drawn(1, 1, 6, 6, seed=1).requires_grad_()
    optimizer = torch.optim.LBFGS([prediction], max_iter=100)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = temporal_similarity(features, prediction, temperature=0.25)
        loss.backward()
        return loss

    optimizer.step(step)
    unit = torch.nn.functional.normalize(features.detach(), dim=-1)
    cosines = unit[0, 0] @ unit[0, 1].T
    truth = (cosines / 0.25).masked_fill(cosines < 0, -torch.inf).softmax(dim=-1)
    torch.testing.assert_close(prediction.detach()[0, 0].softmax(dim=-1), truth, atol=1e-3, rtol=0)
    assert features.grad is None


def test_in_half_precision_the_truth_is_that_of_float32() -> None:
    features, prediction = drawn(1, 2, 9, 16).float(), drawn(1, 1, 9, 9, seed=1).float()
    expected = temporal_similarity(features, prediction, temperature=0.075)
    with torch.autocast("cpu", torch.bfloat16):
        found = temporal_similarity(features, prediction, temperature=0.075)
    torch.testing.assert_close(found, expected)


def test_keys_are_compared_where_the_backbone_gives_them() -> None:
    tokens, keys, predicted = drawn(2, 3, 4, 5), drawn(2, 3, 4, 7, seed=1), drawn(2, 3, 4, 4, seed=2)
    config = ObjectiveConfig(distillation="none", similarity_weight=0.3, similarity_temperature=0.2)
    for alike, compared in ((None, tokens), (keys, keys)):
        frames = tuple(
            SlotOutput(
                slots=torch.zeros(2, 1, 1),
                mask=torch.ones(2, 1, dtype=torch.bool),
                attention=[torch.ones(2, 1, 4)],
                attention_logits=[torch.zeros(2, 1, 4)],
                target=Target(tokens=tokens[:, at], alike=None if alike is None else alike[:, at]),
                error=torch.zeros(2),
                similarity=predicted[:, at],
            )
            for at in range(3)
        )
        found = clip_loss(ClipOutput(frames=frames), config=config, progress=1.0)
        expected = 0.3 * similarity_by_hand(compared, predicted[:, :-1], 0.2)
        assert float(found.penalties["similarity"]) == pytest.approx(expected, rel=1e-9)
