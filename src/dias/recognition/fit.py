"""Train a head on slots that were matched with objects: cross-entropy and L1."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from pydantic import NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT, Fraction
from dias.errors import DiasError
from dias.recognition.head import RecognitionHead
from dias.recognition.objects import Objects
from dias.training.fitting import FittingConfig, batches, descend


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FitConfig(FittingConfig):
    """How a head is trained, on batches of objects; without clipping (as the public code does).

    Attributes:
        box_weight: of the L1 error of boxes (mean over four coordinates) beside the cross-entropy.
        dropout: of the hidden layer.
    """

    steps: PositiveInt = 2000
    batch: PositiveInt = 128
    box_weight: NonNegativeFloat = 1.0
    dropout: Fraction = 0.1


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

        def loss_of(chosen: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            return _loss(head, slots[chosen], classes[chosen], boxes[chosen], box_weight=config.box_weight)

        rows = batches(len(slots), config)
        descend(head, rows, loss_of, config, whose="head", on_step=lambda loss: on_step())
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
