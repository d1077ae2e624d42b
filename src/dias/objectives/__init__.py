"""What is minimised."""

from dias.objectives.distillation import double_softmax_distillation, matched_distillation
from dias.objectives.ramp import cosine_ramp
from dias.objectives.total import Loss, ObjectiveConfig, image_loss

__all__ = [
    "Loss",
    "ObjectiveConfig",
    "cosine_ramp",
    "double_softmax_distillation",
    "image_loss",
    "matched_distillation",
]
