"""Slots are the next frame's queries as they are: no weights, so models of images can follow a clip."""

from typing import Literal

from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.slots.transitions.past import Past
from dias.nn.slots.transitions.transition import Transition


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StillTransitionConfig:
    """Things are where they were and look as they did; true of neighbouring frames, more or less."""

    kind: Literal["still"] = "still"

    def build(self, *, dim: int, feature_dim: int) -> "StillTransition":
        """Make the module; any width will do."""
        return StillTransition()


class StillTransition(Transition):
    """The last frame's slots, unchanged. Gradients reach all frames."""

    def forward(
        self, past: Past, features: Float[Tensor, "b m c"], *, generator: Chance = None
    ) -> Float[Tensor, "b n d"]:
        """Queries of the frame that shows `features`."""
        return past.slots[-1]
