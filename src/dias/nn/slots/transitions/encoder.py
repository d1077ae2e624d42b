"""Slots look at one another and become the next frame's queries (SAVi; STEVE, Singh et al. 2022)."""

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.slots.transitions.past import Past
from dias.nn.slots.transitions.transition import PostNormBlock, Transition, check_heads


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EncoderTransitionConfig:
    """A Transformer encoder layer on the slots, as STEVE, VideoSAUR and SlotContrast have it.

    Attributes:
        heads: of its attention; must divide the width of a slot.
        dropout: in training.
    """

    kind: Literal["encoder"] = "encoder"
    heads: PositiveInt = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def build(self, *, dim: int, feature_dim: int) -> "EncoderTransition":
        """Make the module for slots `dim` wide; features are not looked at."""
        check_heads(self.heads, dim=dim)
        return EncoderTransition(self, dim=dim)


class EncoderTransition(Transition):
    """Self-attention among the slots that were kept, feed-forward; post-norm. Gradients reach all frames."""

    def __init__(self, config: EncoderTransitionConfig, *, dim: int) -> None:
        super().__init__()
        self.block = PostNormBlock(dim, heads=config.heads, dropout=config.dropout)

    def forward(
        self, past: Past, features: Float[Tensor, "b m c"], *, generator: Chance = None
    ) -> Float[Tensor, "b n d"]:
        """Queries of the frame that shows `features`."""
        slots = past.slots[-1]
        found: Tensor = self.block(slots, slots, kept=past.kept, chance=generator)
        return found
