"""A finder around a tiny model with random weights: every part is real, what it finds means nothing."""

import torch

from colour_model import ColourBackbone
from dias.models.image import ImageModel, ImageModelConfig
from dias.nn.decoders import BroadcastMLPConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSeparateConfig

SLOTS = 6


def small_model(**aggregation: object) -> ImageModel:
    torch.manual_seed(3)
    config = ImageModelConfig(
        channels=3,
        queries=NormalSeparateConfig(slots=SLOTS),
        aggregation=AggregationConfig(slot_dim=8, **aggregation),  # type: ignore[arg-type]
        decoder=BroadcastMLPConfig(layers=1, hidden=8),
    )
    return config.build(backbone=ColourBackbone()).eval()
