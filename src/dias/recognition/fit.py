"""Train a head on slots that were matched with objects: cross-entropy and L1."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT, Fraction
from dias.errors import DiasError, TrainingError
from dias.recognition.head import RecognitionHead
from dias.recognition.objects import Objects
from dias.training.schedule import learning_rate_share


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FitConfig:
    """How a head is trained: Adam, linear warm-up, half a cosine, no clipping (as the public code does).

    Attributes:
        steps: of the optimizer.
        batch: objects a step, drawn in shuffled passes over all.
        lr: its peak.
        warmup: share of the steps in which it rises.
        floor: share of the peak at the end.
        box_weight: of the L1 error of boxes (mean over four coordinates) beside the cross-entropy.
        dropout: of the hidden layer.
        seed: of first weights, order and dropout.
    """

    steps: PositiveInt = 2000
    batch: PositiveInt = 128
    lr: PositiveFloat = 1e-3
    warmup: Fraction = 0.05
    floor: Fraction = 1e-3
    box_weight: NonNegativeFloat = 1.0
    dropout: Fraction = 0.1
    seed: NonNegativeInt = 42


def fit(
    objects: Objects, config: FitConfig, *, on_step: Callable[[], None] = lambda: None
) -> tuple[RecognitionHead, tuple[int, ...]]:
    """Train a head on the matched objects.

    Args:
        objects: of the training pictures; those without a slot teach nothing.
        config: how.
        on_step: called after each step.

    Returns:
        The head, and the class numbers of its columns: those that a matched object has, rising.

    Raises:
        DiasError: no object was matched with a slot.
        TrainingError: the loss is not a number.
    """
    if not bool(objects.matched.any()):
        raise DiasError(
            f"none of {len(objects)} objects was matched with a slot; lower --iou, or look at the masks with "
            "`dias segment`"
        )
    slots, boxes = objects.slots[objects.matched], objects.boxes[objects.matched]
    numbers, classes = torch.unique(objects.classes[objects.matched], return_inverse=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        head = RecognitionHead(slot_dim=slots.shape[1], classes=len(numbers), dropout=config.dropout).train()
        optimizer = torch.optim.Adam(head.parameters(), lr=config.lr)
        share = partial(learning_rate_share, steps=config.steps, warmup=config.warmup, floor=config.floor)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        for chosen in _batches(len(slots), config):
            loss = _loss(head, slots[chosen], classes[chosen], boxes[chosen], box_weight=config.box_weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            on_step()
        if not bool(loss.isfinite()):
            raise TrainingError("the head's loss is not a number; lower --lr")
    return head.eval(), tuple(numbers.tolist())


def _loss(
    head: RecognitionHead,
    slots: Float[Tensor, "o d"],
    classes: Int64[Tensor, " o"],
    boxes: Float[Tensor, "o 4"],
    *,
    box_weight: float,
) -> Float[Tensor, ""]:
    told = head(slots)
    return F.cross_entropy(told.logits, classes) + box_weight * F.l1_loss(told.boxes, boxes)


def _batches(count: int, config: FitConfig) -> list[Int64[Tensor, " _"]]:
    """Places of each step's objects; a batch may reach into the next pass."""
    wanted = config.steps * config.batch
    passes = [torch.randperm(count) for _ in range(-(-wanted // count))]
    return list(torch.cat(passes)[:wanted].view(config.steps, config.batch))
