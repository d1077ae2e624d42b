"""Training of small networks: what each step sees, how far it goes, and a loss that is no number."""

import pytest
import torch
from torch import Tensor, nn

from dias.errors import TrainingError
from dias.training.fitting import FittingConfig, batches, descend


def test_every_sample_is_seen_once_a_pass_and_batches_reach_into_the_next() -> None:
    rows = batches(5, FittingConfig(steps=5, batch=3))
    assert [len(each) for each in rows] == [3] * 5
    flat = torch.cat(rows).tolist()
    assert [sorted(flat[start : start + 5]) for start in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3


def test_a_line_is_fitted_by_the_steps_that_were_asked_for() -> None:
    torch.manual_seed(0)
    line, x = nn.Linear(1, 1), torch.linspace(-1, 1, 16)[:, None]
    losses = list[float]()

    def loss_of(rows: Tensor) -> Tensor:
        loss: Tensor = (line(x[rows]) - (3 * x[rows] - 1)).square().mean()
        return loss

    config = FittingConfig(steps=300, batch=8, lr=0.05)
    descend(line, batches(16, config), loss_of, config, whose="line", on_step=losses.append)
    assert len(losses) == 300
    assert line.weight.item() == pytest.approx(3, abs=0.02)
    assert line.bias.item() == pytest.approx(-1, abs=0.02)


def test_the_gradient_is_clipped() -> None:
    weight = nn.Linear(1, 1, bias=False)
    config, norms = FittingConfig(steps=1, batch=1), list[float]()

    def look(_: float) -> None:
        assert weight.weight.grad is not None
        norms.append(float(weight.weight.grad.norm()))

    rows = batches(1, config)
    descend(weight, rows, lambda _: 50 * weight.weight.sum(), config, whose="line", clip=0.5, on_step=look)
    assert norms == pytest.approx([0.5])


def test_a_loss_that_is_no_number_is_told() -> None:
    weight, config = nn.Linear(1, 1), FittingConfig(steps=2, batch=1)
    with pytest.raises(TrainingError, match="the line's loss is not a number; lower --lr"):
        descend(weight, batches(1, config), lambda _: weight.weight.sum() * torch.nan, config, whose="line")
