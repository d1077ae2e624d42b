"""Small networks on data that fit into memory: Adam, linear warm-up, half a cosine, shuffled passes."""

import math
from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float, Int64
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT, Fraction
from dias.errors import TrainingError
from dias.training.schedule import learning_rate_share


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FittingConfig:
    """What every such training has; each kind has defaults of its own.

    Attributes:
        steps: of the optimizer.
        batch: samples a step, drawn in shuffled passes over all.
        lr: its peak.
        warmup: share of the steps in which it rises.
        floor: share of the peak at the end.
        seed: of first weights, order and dropout.
    """

    steps: PositiveInt = 1000
    batch: PositiveInt = 32
    lr: PositiveFloat = 1e-3
    warmup: Fraction = 0.05
    floor: Fraction = 1e-3
    seed: NonNegativeInt = 42

    def share(self, step: int) -> float:
        """Learning rate at a step, counted from 0, as a share of its peak."""
        return learning_rate_share(step, steps=self.steps, warmup=self.warmup, floor=self.floor)


def batches(count: int, config: FittingConfig) -> list[Int64[Tensor, " b"]]:
    """Places of each step's samples, of `count`; a batch may reach into the next pass."""
    wanted = config.steps * config.batch
    passes = [torch.randperm(count) for _ in range(-(-wanted // count))]
    return list(torch.cat(passes)[:wanted].view(config.steps, config.batch))


def descend(
    module: nn.Module,
    chosen: Iterable[Int64[Tensor, " b"]],
    loss_of: Callable[[Int64[Tensor, " b"]], Float[Tensor, ""]],
    config: FittingConfig,
    *,
    whose: str,
    clip: float | None = None,
    weight_decay: float = 0.0,
    on_step: Callable[[float], None] = lambda loss: None,
) -> None:
    """Make the steps.

    Args:
        module: whose weights are trained.
        chosen: of each step (`batches`).
        loss_of: a step's samples.
        config: how.
        whose: loss it is, in a word, for the error.
        clip: largest norm of the gradient; None: any.
        weight_decay: decoupled; with 0 the optimizer is plain Adam.
        on_step: called after each step with its loss.

    Raises:
        TrainingError: the last loss is not a number.
    """
    optimizer = torch.optim.AdamW(module.parameters(), lr=config.lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, config.share)
    value = 0.0
    for rows in chosen:
        loss = loss_of(rows)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
        schedule.step()
        value = float(loss.detach())
        on_step(value)
    if not math.isfinite(value):
        raise TrainingError(f"the {whose}'s loss is not a number; lower --lr")
