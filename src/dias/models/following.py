"""A model of images that follows what it sees through a clip, with no weights beside its own."""

from dias.models.clip import ClipModel, ClipModelConfig
from dias.models.image import ImageModel
from dias.nn.slots.transitions import StillTransitionConfig


def following(image: ImageModel) -> ClipModel:
    """The image model frame after frame, each from the slots before (docs/video.md).

    Args:
        image: shared, not copied.

    Raises:
        DiasError: its aggregation cannot go on after the first frame; says why.
    """
    config = ClipModelConfig(image=image.config, transition=StillTransitionConfig())
    config.check()
    return ClipModel(config, image=image).train(image.training)
