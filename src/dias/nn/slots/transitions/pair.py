"""A transition from a random pair of slots and features of the past (RandSF.Q, Zhao et al. 2025)."""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance, whole
from dias.nn.dropout import ChanceDropout
from dias.nn.slots.transitions.past import Past
from dias.nn.slots.transitions.transition import PostNormBlock, Transition, check_heads
from dias.nn.transformer import Attention


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PairTransitionConfig:
    """Slots of one frame look at the features of another; which two is random in training.

    Attributes:
        heads: of its attention; must divide the width of a slot.
        dropout: in training.
        window: frames, the present one among them, that a pair is drawn from; the length of a training clip.
    """

    kind: Literal["slot_feature_pair"] = "slot_feature_pair"
    heads: PositiveInt = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    window: Annotated[int, Field(ge=2)] = 6

    def build(self, *, dim: int, feature_dim: int) -> "PairTransition":
        """Make the module for slots `dim` wide and features of `feature_dim` channels."""
        check_heads(self.heads, dim=dim)
        return PairTransition(self, dim=dim, feature_dim=feature_dim)


class PairTransition(Transition):
    """A post-norm Transformer decoder layer: the slots' self-attention, then cross-attention to features.

    Each carries an embedding of how many frames ago it was. In evaluation slots are the last frame's and
    features the present one's; in training, from the third frame on, slots are those of any earlier frame of
    the window and features those of any but the clip's first, drawn independently for each clip. Neither
    has a gradient: the past learns from its own frames alone. (Reference study, 1.1; unlike there, attention
    weights have no dropout, and slots that are not kept are not seen.)
    """

    def __init__(self, config: PairTransitionConfig, *, dim: int, feature_dim: int) -> None:
        super().__init__()
        self.slots_remembered, self.features_remembered = config.window - 1, config.window - 2
        self.ago = nn.Embedding(config.window, dim)
        self.feature_in = nn.Linear(feature_dim, dim)
        self.self_attention = Attention(dim, heads=config.heads)
        self.norm_self = nn.LayerNorm(dim, bias=False)
        self.drop = ChanceDropout(config.dropout)
        self.block = PostNormBlock(dim, heads=config.heads, dropout=config.dropout)

    def forward(
        self, past: Past, features: Float[Tensor, "b m c"], *, generator: Chance = None
    ) -> Float[Tensor, "b n d"]:
        """Queries of the frame that shows `features`."""
        slots, slots_ago = _chosen(past.slots, self.training, generator, newest=1)
        seen = (*past.features, features)
        if len(past.features) == len(past.slots):
            seen = seen[1:]  # the oldest is the clip's first frame: RandSF.Q leaves its features out
        memory, memory_ago = _chosen(seen, self.training, generator, newest=0)
        return self._from_pair(slots, slots_ago, memory, memory_ago, kept=past.kept, chance=generator)

    def _from_pair(
        self,
        slots: Float[Tensor, "b n d"],
        slots_ago: Int64[Tensor, " b"],
        features: Float[Tensor, "b m c"],
        features_ago: Int64[Tensor, " b"],
        *,
        kept: Bool[Tensor, "b n"],
        chance: Chance,
    ) -> Float[Tensor, "b n d"]:
        self.drop.chance = chance
        x = slots.detach() + self.ago(slots_ago)[:, None]
        memory = self.feature_in(features.detach()) + self.ago(features_ago)[:, None]
        x = self.norm_self(x + self.drop(self.self_attention(x, x, kept=kept)))
        found: Tensor = self.block(x, memory, chance=chance)
        return found


def _chosen(
    frames: tuple[Float[Tensor, "b k c"], ...], random: bool, chance: Chance, *, newest: int
) -> tuple[Float[Tensor, "b k c"], Int64[Tensor, " b"]]:
    """One frame for each clip, and how long ago it was; the last, which was `newest` ago, or a random one."""
    last = frames[-1]
    batch, device = len(last), last.device
    if not random or len(frames) == 1:
        return last, torch.full((batch,), newest, device=device)
    back = whole(len(frames), batch, chance=chance, device=device).to(device)
    stacked = torch.stack(frames, dim=1)
    return stacked[torch.arange(batch, device=device), len(frames) - 1 - back], back + newest
