"""Frozen features: which ViT, and where its weights are found."""

from dias.backbones.frozen import BackboneConfig, FrozenBackbone, Tokens
from dias.backbones.weights import WeightsRecord

__all__ = ["BackboneConfig", "FrozenBackbone", "Tokens", "WeightsRecord"]
