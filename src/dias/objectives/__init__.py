"""What is minimised."""

from dias.objectives.attention_matching import attention_matching, double_softmax_matching
from dias.objectives.clip_total import clip_loss
from dias.objectives.distillation import double_softmax_distillation, matched_distillation
from dias.objectives.ramp import cosine_ramp
from dias.objectives.slot_contrast import slot_contrast
from dias.objectives.temporal_similarity import temporal_similarity
from dias.objectives.total import Loss, ObjectiveConfig, image_loss

__all__ = [
    "Loss",
    "ObjectiveConfig",
    "attention_matching",
    "clip_loss",
    "cosine_ramp",
    "double_softmax_distillation",
    "double_softmax_matching",
    "image_loss",
    "matched_distillation",
    "slot_contrast",
    "temporal_similarity",
]
