"""What slots learn to become is added to what they are; before training, nothing is."""

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.slots.transitions.encoder import EncoderTransition, EncoderTransitionConfig
from dias.nn.slots.transitions.past import Past
from dias.nn.slots.transitions.transition import check_heads


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ResidualTransitionConfig:
    """The encoder's layer, through a linear map that is zero at first, added to the slots.

    Attributes:
        heads: of its attention; must divide the width of a slot.
        dropout: in training.
    """

    kind: Literal["residual"] = "residual"
    heads: PositiveInt = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    def build(self, *, dim: int, feature_dim: int) -> "ResidualTransition":
        """Make the module for slots `dim` wide; features are not looked at."""
        check_heads(self.heads, dim=dim)
        return ResidualTransition(self, dim=dim)


class ResidualTransition(EncoderTransition):
    """Starts as `still`: a model of pictures goes on following while it learns how things move.

    A new post-norm layer, as `encoder` is, gives every slot a query that has nothing to do with it; the slots
    then share out the objects anew in each frame, and no loss says that they should not. Residual
    branches that are zero at first: Zhang et al. 2019 (Fixup), Bachlechner et al. 2021 (ReZero). Gradients
    reach all frames.
    """

    def __init__(self, config: ResidualTransitionConfig, *, dim: int) -> None:
        super().__init__(EncoderTransitionConfig(heads=config.heads, dropout=config.dropout), dim=dim)
        self.out = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(
        self, past: Past, features: Float[Tensor, "b m c"], *, generator: Chance = None
    ) -> Float[Tensor, "b n d"]:
        """Queries of the frame that shows `features`."""
        added: Tensor = self.out(super().forward(past, features, generator=generator))
        return past.slots[-1] + added
