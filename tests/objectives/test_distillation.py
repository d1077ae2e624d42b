import itertools
import math

import pytest
import torch

from dias.models.outputs import SlotOutput
from dias.objectives import (
    ObjectiveConfig,
    cosine_ramp,
    double_softmax_distillation,
    image_loss,
    matched_distillation,
)

ALL = torch.ones(2, 4, dtype=torch.bool)


def test_slots_are_matched_before_they_are_compared() -> None:
    """Against every permutation, by brute force: the match of the largest total soft IoU."""
    torch.manual_seed(0)
    first, last = torch.randn(2, 4, 9), torch.randn(2, 4, 9).softmax(dim=1)
    expected = 0.0
    for b in range(2):
        maps = first[b].softmax(dim=0)

        def overlap(order: tuple[int, ...], maps: torch.Tensor = maps, b: int = b) -> float:
            pairs = [(maps[i], last[b, j]) for i, j in enumerate(order)]
            return sum(float(torch.minimum(p, q).sum() / torch.maximum(p, q).sum()) for p, q in pairs)

        best = max(itertools.permutations(range(4)), key=overlap)
        expected += float(-(last[b, list(best)] * first[b].log_softmax(dim=0)).sum(dim=0).mean()) / 2
    assert matched_distillation(first, last, ALL).item() == pytest.approx(expected, rel=1e-5)


def test_a_permuted_perfect_map_costs_nothing() -> None:
    logits = 50 * torch.eye(4)[:, torch.arange(12) % 4]
    first, last = logits[None, [2, 0, 3, 1]], logits.softmax(dim=0)[None]
    assert matched_distillation(first, last, ALL[:1]).item() == pytest.approx(0, abs=1e-6)


def test_masked_slots_match_nothing() -> None:
    first = torch.randn(1, 4, 9, requires_grad=True)
    kept = torch.tensor([[True, False, True, False]])
    last = torch.randn(1, 4, 9).masked_fill(~kept[..., None], -torch.inf).softmax(dim=1)
    loss = matched_distillation(first, last, kept)
    loss.backward()
    assert loss.isfinite()
    assert first.grad is not None
    assert first.grad.isfinite().all()


def test_the_target_gets_no_gradient() -> None:
    last = torch.randn(1, 4, 9).softmax(dim=1).requires_grad_()
    matched_distillation(torch.randn(1, 4, 9, requires_grad=True), last, ALL[:1]).backward()
    assert last.grad is None


@pytest.mark.parametrize(("slots", "cost"), [(7, 1.165), (11, 1.543)])
def test_the_authors_variant_never_reaches_zero(slots: int, cost: float) -> None:
    """Reference study, 6-A3: what a perfect one-hot match costs under the double softmax."""
    perfect = torch.eye(slots)[None]
    assert double_softmax_distillation(1e4 * perfect, perfect).item() == pytest.approx(cost, abs=1e-3)


def test_the_weight_follows_half_a_cosine() -> None:
    assert [cosine_ramp(p) for p in (0.0, 0.5, 1.0, 2.0)] == pytest.approx([0, 0.5, 1, 1])


@pytest.mark.parametrize("kind", ["matched", "double_softmax", "none"])
def test_total_is_reconstruction_plus_ramped_distillation(kind: str) -> None:
    torch.manual_seed(0)
    logits = [torch.randn(2, 4, 9), torch.randn(2, 4, 9)]
    output = SlotOutput(
        slots=torch.randn(2, 4, 3), mask=ALL,
        attention=[x.softmax(1) for x in logits], attention_logits=logits,
        target=None, reconstruction=None, decoder_attention=None, error=torch.tensor([3.0, 5.0]),
        penalties={"sparsity": torch.tensor(0.5)},
    )  # fmt: skip
    config = ObjectiveConfig(distillation=kind, distillation_weight=0.3)  # type: ignore[arg-type]
    loss = image_loss(output, config=config, progress=0.25)
    weight = 0.3 * 0.5 * (1 - math.cos(math.pi / 4))
    assert loss.reconstruction.item() == pytest.approx(4)
    assert loss.total.item() == pytest.approx(4.5 + weight * loss.distillation.item())
    assert (loss.distillation.item() > 0) == (kind != "none")
