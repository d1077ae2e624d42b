"""Spatial-broadcast decoder: each slot paints all tokens, alpha decides (DINOSAUR, Seitzer et al. 2023).

With AdaSlot's masked mixture (Fan et al. 2024, "masked slot decoder") where a slot's presence is learned.
"""

from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.decoders.decoder import DecoderPart
from dias.nn.decoders.from_slots import Codebook, Explained
from dias.nn.decoders.output import Decoded, Target, similarity_width, split_similarity, squared_error

_EPSILON = 1e-5  # as in AdaSlot's code: alpha stays finite where only absent slots would paint


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BroadcastMLPConfig:
    """Settings of the spatial-broadcast decoder.

    Attributes:
        layers: hidden ones.
        hidden: their width.
        similarity: also predict which tokens of the next frame are like each token (VideoSAUR).
    """

    kind: Literal["broadcast_mlp"] = "broadcast_mlp"
    layers: PositiveInt = 3
    hidden: PositiveInt = 2048
    similarity: bool = False

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "BroadcastMLPDecoder":
        """Make the module for `positions` tokens of `token_dim` channels; it does not ask for their codes."""
        return BroadcastMLPDecoder(self, slot_dim=slot_dim, token_dim=token_dim, positions=positions)


class BroadcastMLPDecoder(DecoderPart):
    """Slots + position embedding through an MLP to tokens and alpha; masked slots get no alpha."""

    def __init__(self, config: BroadcastMLPConfig, *, slot_dim: int, token_dim: int, positions: int) -> None:
        super().__init__()
        self.config = config
        self.token_dim = token_dim
        self.positions = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, positions, slot_dim), std=0.02))
        widths = [slot_dim, *[config.hidden] * config.layers]
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.GELU()]
        extra = similarity_width(config.similarity, positions)
        self.mlp = nn.Sequential(*parts, nn.Linear(widths[-1], token_dim + extra + 1))

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
        presence: Float[Tensor, "b n"] | None = None,
    ) -> Decoded:
        """Reconstruct tokens from slots alone; nothing is random.

        Args:
            slots: one vector an object.
            kept: slots that are not kept get no alpha.
            target: what the error is measured against.
            generator: not used.
            presence: 1 for a slot that is there, 0 for one that is not, with a gradient (straight-through).
                It then decides in place of `kept`: alpha, over all slots, is multiplied by it and
                normalised anew, so that an absent slot learns what its presence would have changed.
        """
        mixed, alpha = self._mixed(slots, kept, presence)
        tokens, similarity = split_similarity(mixed, self.token_dim)
        error = squared_error(tokens, target.tokens)
        return Decoded(reconstruction=tokens, attention=alpha, error=error, similarity=similarity)

    def from_slots(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        codebook: Codebook | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """The reconstruction, which needs no target (`DecodesSlots`); nothing is random."""
        return split_similarity(self._mixed(slots, kept, None)[0], self.token_dim)[0]

    def alone(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Explained:
        """The reconstruction and its map, which need no target (`ExplainsAlone`)."""
        mixed, alpha = self._mixed(slots, kept, None)
        return Explained(tokens=split_similarity(mixed, self.token_dim)[0], attention=alpha)

    def _mixed(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        presence: Float[Tensor, "b n"] | None,
    ) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b n m"]]:
        """Tokens (and what is predicted behind them), and how slots share them."""
        painted = self.mlp(slots[:, :, None] + self.positions)  # b n m c+1
        alpha = _shared(painted[..., -1], kept, presence)
        return (painted[..., :-1] * alpha[..., None].to(painted.dtype)).sum(dim=1), alpha


def _shared(
    logits: Float[Tensor, "b n m"], kept: Bool[Tensor, "b n"], presence: Float[Tensor, "b n"] | None
) -> Float[Tensor, "b n m"]:
    """How slots share each token."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if presence is None:
        return logits.masked_fill(~kept[..., None], -torch.inf).softmax(dim=1)
    alpha = logits.softmax(dim=1) * presence[..., None]
    return alpha / (alpha.sum(dim=1, keepdim=True) + _EPSILON)
