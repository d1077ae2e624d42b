"""What training minimises: reconstruction plus ramped self-distillation."""

from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field, PositiveFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT
from dias.models.outputs import SlotOutput
from dias.objectives.attention_matching import attention_matching, double_softmax_matching
from dias.objectives.distillation import double_softmax_distillation, matched_distillation
from dias.objectives.ramp import cosine_ramp


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ObjectiveConfig:
    """Settings of the loss.

    Attributes:
        distillation: `matched` (the method), `double_softmax` (the authors' published code), or `none`.
        distillation_weight: what the cosine ramp rises to at the end of training.
        matching: how a student's attention is compared with a teacher's, where there is one: by its `logits`
            (as published), or `double_softmax` (as in the code that DIAS's authors compare with).
        matching_weight: constant.
        contrast_weight: of clips, of slot-slot contrast (`slot_contrast`); constant, SlotContrast has 0.5.
        contrast_temperature: its own.
        similarity_weight: of clips, of `temporal_similarity`; constant, VideoSAUR has 0.1. The decoder has to
            predict it.
        similarity_temperature: its own: that of the data set in VideoSAUR's paper; here MOVi's.
    """

    distillation: Literal["matched", "double_softmax", "none"] = "matched"
    distillation_weight: Annotated[float, Field(ge=0)] = 1.0
    matching: Literal["logits", "double_softmax"] = "logits"
    matching_weight: Annotated[float, Field(ge=0)] = 0.005
    contrast_weight: Annotated[float, Field(ge=0)] = 0.0
    contrast_temperature: PositiveFloat = 0.1
    similarity_weight: Annotated[float, Field(ge=0)] = 0.0
    similarity_temperature: PositiveFloat = 0.075


@plain_dataclass(frozen=True, kw_only=True)
class Loss:
    """The loss and its parts.

    Attributes:
        distillation: before its weight.
        penalties: what parts of the model added, weighted, by name; and `matching`, with a teacher; of clips
            `contrast` and `similarity`.
    """

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    distillation: Float[Tensor, ""]
    penalties: dict[str, Float[Tensor, ""]] = field(default_factory=dict)


def image_loss(
    output: SlotOutput, *, config: ObjectiveConfig, progress: float, teacher: SlotOutput | None = None
) -> Loss:
    """The decoder's error, plus distillation weighted by the ramp at `progress` (0 to 1), plus penalties.

    Args:
        output: of the model, in training.
        config: which parts, how weighted.
        progress: of training.
        teacher: what a frozen model says about the same pictures, with its decoder's attention: the output's
            attention is matched to that (SPOT's second stage).
    """
    assert output.error is not None
    reconstruction = output.error.mean()
    distillation = distillation_of(output, config)
    weight = config.distillation_weight * cosine_ramp(progress)
    penalties = dict(output.penalties)
    if teacher is not None:
        penalties["matching"] = config.matching_weight * _matching(output, teacher, config)
    return Loss(
        total=reconstruction + weight * distillation + sum(penalties.values()),
        reconstruction=reconstruction,
        distillation=distillation,
        penalties=penalties,
    )


def distillation_of(output: SlotOutput, config: ObjectiveConfig) -> Float[Tensor, ""]:
    """How far a picture's first map is from its last, before any weight."""
    first, last = output.attention_logits[0], output.attention[-1]
    match config.distillation:
        case "matched":
            return matched_distillation(first, last, output.mask)
        case "double_softmax":
            return double_softmax_distillation(first, last)
        case "none":
            return first.new_zeros(())


def _matching(output: SlotOutput, teacher: SlotOutput, config: ObjectiveConfig) -> Tensor:
    assert teacher.decoder_attention is not None
    compared = attention_matching if config.matching == "logits" else double_softmax_matching
    return compared(
        output.attention_logits[-1],
        teacher.decoder_attention,
        student_kept=output.mask,
        teacher_kept=teacher.mask,
    )
