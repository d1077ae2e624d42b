"""From one frame's slots to the next one's queries. A new transition is a file here and its union's line."""

from typing import Annotated

from pydantic import Field

from dias.nn.slots.transitions.encoder import EncoderTransition, EncoderTransitionConfig
from dias.nn.slots.transitions.pair import PairTransition, PairTransitionConfig
from dias.nn.slots.transitions.past import Past
from dias.nn.slots.transitions.residual import ResidualTransition, ResidualTransitionConfig
from dias.nn.slots.transitions.still import StillTransition, StillTransitionConfig
from dias.nn.slots.transitions.transition import Transition

AnyTransition = Annotated[
    EncoderTransitionConfig | PairTransitionConfig | ResidualTransitionConfig | StillTransitionConfig,
    Field(discriminator="kind"),
]

__all__ = [
    "AnyTransition",
    "EncoderTransition",
    "EncoderTransitionConfig",
    "PairTransition",
    "PairTransitionConfig",
    "Past",
    "ResidualTransition",
    "ResidualTransitionConfig",
    "StillTransition",
    "StillTransitionConfig",
    "Transition",
]
