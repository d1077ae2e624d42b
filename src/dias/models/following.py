"""A model of images that follows what it sees through a clip, with no weights beside its own."""

from dias.models.clip import ClipModel, ClipModelConfig
from dias.models.image import ImageModel
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.transitions import StillTransitionConfig


def following(image: ImageModel) -> ClipModel:
    """The image model frame after frame, each from the slots before (docs/video.md).

    Slots are merged as in training: objects keep their slots better than under the automatic threshold that
    a model of pictures has outside training (IDF1 58 and 55).

    Args:
        image: shared, not copied.

    Raises:
        DiasError: its aggregation cannot go on after the first frame; says why.
    """
    aggregation = image.config.aggregation
    if isinstance(aggregation, AggregationConfig) and aggregation.in_use is not None:
        image = image.with_threshold(aggregation.threshold)
    config = ClipModelConfig(image=image.config, transition=StillTransitionConfig())
    config.check()
    return ClipModel(config, image=image).train(image.training)
