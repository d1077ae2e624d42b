"""What a model sees of pictures: frozen features of a ViT, or the pixels themselves."""

from typing import Annotated

from pydantic import Tag

from dias.backbones.backbone import Backbone, Tokens
from dias.backbones.frozen import BackboneConfig, FrozenBackbone
from dias.backbones.last_blocks import LastBlocks
from dias.backbones.pixels import Pixels, PixelsConfig
from dias.backbones.weights import WeightsRecord
from dias.config import by_kind

Backbones = Annotated[
    Annotated[BackboneConfig, Tag("vit")] | Annotated[PixelsConfig, Tag("pixels")], by_kind("vit")
]

__all__ = [
    "Backbone",
    "BackboneConfig",
    "Backbones",
    "FrozenBackbone",
    "LastBlocks",
    "Pixels",
    "PixelsConfig",
    "Tokens",
    "WeightsRecord",
]
