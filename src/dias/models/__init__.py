"""Parts put together into models."""

from dias.models.image import ImageModel, ImageModelConfig
from dias.models.outputs import SlotOutput

__all__ = ["ImageModel", "ImageModelConfig", "SlotOutput"]
