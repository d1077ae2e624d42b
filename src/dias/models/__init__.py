"""Parts put together into models."""

from dias.models.clip import ClipModel, ClipModelConfig
from dias.models.clip_outputs import ClipOutput, ClipState, Cues
from dias.models.following import following
from dias.models.image import ImageModel, ImageModelConfig
from dias.models.outputs import SlotOutput

__all__ = [
    "ClipModel",
    "ClipModelConfig",
    "ClipOutput",
    "ClipState",
    "Cues",
    "ImageModel",
    "ImageModelConfig",
    "SlotOutput",
    "following",
]
