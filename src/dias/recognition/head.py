"""The head: one MLP on a slot, d -> 2d -> classes + 4."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a head says of some slots.

    Attributes:
        logits: one a class.
        boxes: x0, y0, x1, y1 as shares of what the model saw; as they come, nothing keeps them within 0 to 1.
    """

    logits: Float[Tensor, "o c"]
    boxes: Float[Tensor, "o 4"]


class RecognitionHead(nn.Module):
    """Class and box of an object from its slot: one hidden layer, GELU, dropout, a trunk for both.

    As the public code of SmoothSA and RandSF.Q has it.

    Args:
        slot_dim: numbers a slot has.
        classes: to tell apart.
        dropout: of the hidden layer, in training.
    """

    def __init__(self, *, slot_dim: int, classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(
            nn.Linear(slot_dim, 2 * slot_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * slot_dim, classes + 4),
        )

    def forward(self, slots: Float[Tensor, "o d"]) -> Answers:
        """Answer for each slot."""
        found = self.layers(slots)
        return Answers(logits=found[:, : self.classes], boxes=found[:, self.classes :])

    @torch.inference_mode()
    def answer(self, slots: Float[Tensor, "o d"]) -> Answers:
        """The same in evaluation mode, without a gradient."""
        self.eval()
        answers: Answers = self(slots)
        return answers
