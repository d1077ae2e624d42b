"""What training minimises: reconstruction plus ramped self-distillation."""

from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT
from dias.models.outputs import SlotOutput
from dias.objectives.distillation import double_softmax_distillation, matched_distillation
from dias.objectives.ramp import cosine_ramp


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ObjectiveConfig:
    """Settings of the loss.

    Attributes:
        distillation: `matched` (the method), `double_softmax` (the authors' published code), or `none`.
        distillation_weight: what the cosine ramp rises to at the end of training.
    """

    distillation: Literal["matched", "double_softmax", "none"] = "matched"
    distillation_weight: Annotated[float, Field(ge=0)] = 1.0


@plain_dataclass(frozen=True, kw_only=True)
class Loss:
    """The loss and its parts.

    Attributes:
        distillation: before its weight.
        penalties: what parts of the model added, weighted, by name.
    """

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    distillation: Float[Tensor, ""]
    penalties: dict[str, Float[Tensor, ""]] = field(default_factory=dict)


def image_loss(output: SlotOutput, *, config: ObjectiveConfig, progress: float) -> Loss:
    """The decoder's error, plus distillation weighted by the ramp at `progress` (0 to 1), plus penalties."""
    assert output.error is not None
    reconstruction = output.error.mean()
    distillation = _distillation(output, config)
    weight = config.distillation_weight * cosine_ramp(progress)
    return Loss(
        total=reconstruction + weight * distillation + sum(output.penalties.values()),
        reconstruction=reconstruction,
        distillation=distillation,
        penalties=output.penalties,
    )


def _distillation(output: SlotOutput, config: ObjectiveConfig) -> Tensor:
    first, last = output.attention_logits[0], output.attention[-1]
    match config.distillation:
        case "matched":
            return matched_distillation(first, last, output.mask)
        case "double_softmax":
            return double_softmax_distillation(first, last)
        case "none":
            return first.new_zeros(())
