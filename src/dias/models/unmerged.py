"""A model stopped where its slots would be merged: what a merge tree is made of."""

import copy
from dataclasses import replace

from dias.models.clip import ClipModel
from dias.models.image import ImageModel
from dias.nn.slots.aggregation import Aggregation, AggregationConfig


def merges_by_distance(model: ImageModel) -> bool:
    """Whether a model merges slots that are near one another; AdaSlot and MetaSlot drop them otherwise."""
    return isinstance(model.config.aggregation, AggregationConfig) and model.config.aggregation.reduction


def unmerged(model: ImageModel) -> ImageModel:
    """The same weights, and the rounds before the reduction alone: its slots are those that would be merged.

    Args:
        model: one that `merges_by_distance`.
    """
    config, aggregation = model.config.aggregation, model.aggregation
    assert isinstance(config, AggregationConfig)
    assert isinstance(aggregation, Aggregation)
    rounds = config.reduce_after or config.iterations - 1 if config.reinitialization else config.iterations
    plain = replace(
        config, iterations=rounds, reduce_after=None, reduction=False, reinitialization=False, bilevel=False
    )
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    twin.config = replace(model.config, aggregation=plain)
    stopped = Aggregation(plain, token_dim=aggregation.competition.key.in_features)
    stopped.competition = aggregation.competition
    twin.aggregation = stopped.train(aggregation.training)
    return twin


def unmerged_clip(model: ClipModel) -> ClipModel:
    """Likewise, of each frame."""
    config, continuity = model.config.image.aggregation, model.config.continuity
    assert isinstance(config, AggregationConfig)
    rounds = continuity.iterations - 1 if config.reinitialization else continuity.iterations
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    twin.image = unmerged(model.image)
    twin.config = replace(
        model.config, image=twin.image.config, continuity=replace(continuity, iterations=rounds)
    )
    return twin
