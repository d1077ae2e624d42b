"""Slots back into tokens. A new decoder is a file here and its name in the union."""

from typing import Annotated

from pydantic import Field

from dias.nn.decoders.broadcast_mlp import BroadcastMLPConfig, BroadcastMLPDecoder
from dias.nn.decoders.code_ar import CodeARConfig, CodeARDecoder
from dias.nn.decoders.diffusion import DiffusionConfig, DiffusionDecoder
from dias.nn.decoders.output import Decoded, Target
from dias.nn.decoders.permuted_ar import PermutedARConfig, PermutedARDecoder
from dias.nn.decoders.pixel_broadcast import PixelBroadcastConfig, PixelBroadcastDecoder
from dias.nn.decoders.random_ar import RandomARConfig, RandomARDecoder
from dias.nn.decoders.slot_mixer import SlotMixerConfig, SlotMixerDecoder
from dias.nn.decoders.temporal_ar import TemporalARConfig, TemporalARDecoder

Decoder = Annotated[
    RandomARConfig
    | BroadcastMLPConfig
    | CodeARConfig
    | DiffusionConfig
    | PermutedARConfig
    | PixelBroadcastConfig
    | SlotMixerConfig
    | TemporalARConfig,
    Field(discriminator="kind"),
]

__all__ = [
    "BroadcastMLPConfig",
    "BroadcastMLPDecoder",
    "CodeARConfig",
    "CodeARDecoder",
    "Decoded",
    "Decoder",
    "DiffusionConfig",
    "DiffusionDecoder",
    "PermutedARConfig",
    "PermutedARDecoder",
    "PixelBroadcastConfig",
    "PixelBroadcastDecoder",
    "RandomARConfig",
    "RandomARDecoder",
    "SlotMixerConfig",
    "SlotMixerDecoder",
    "Target",
    "TemporalARConfig",
    "TemporalARDecoder",
]
