"""Slots mixed place by place, then rendered once.

OSRT (Sajjadi et al. 2022), "slot mixer"; VideoSAUR (Zadaianchuk et al. 2023).
"""

from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import SettingError
from dias.nn.chance import Chance
from dias.nn.decoders.decoder import DecoderPart
from dias.nn.decoders.from_slots import Codebook, Explained
from dias.nn.decoders.output import Decoded, Target, similarity_width, split_similarity, squared_error
from dias.nn.transformer import Attention


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlotMixerConfig:
    """Settings of the mixing decoder.

    Attributes:
        layers: that a place looks at the slots with before it says which share of each it wants.
        heads: of their attention; must divide the width of a slot. The mixture itself has one.
        render_layers: hidden layers that make a token of the mixture.
        hidden: their width.
        similarity: also predict which tokens of the next frame are like each token (VideoSAUR).
    """

    kind: Literal["slot_mixer"] = "slot_mixer"
    layers: PositiveInt = 3
    heads: PositiveInt = 4
    render_layers: PositiveInt = 3
    hidden: PositiveInt = 1024
    similarity: bool = False

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "SlotMixerDecoder":
        """Make the module for `positions` tokens of `token_dim` channels; it does not ask for their codes.

        Raises:
            SettingError: the heads do not divide the width of a slot.
        """
        if slot_dim % self.heads:
            raise SettingError(
                "model.decoder.heads", self.heads, f"must divide the width of a slot, {slot_dim}"
            )
        return SlotMixerDecoder(self, slot_dim=slot_dim, token_dim=token_dim, positions=positions)


class SlotMixerDecoder(DecoderPart):
    """Each place asks the slots, mixes them by one softmax, and an MLP makes its token of the mixture.

    The softmax over slots is the map. A place does not see the others, so the cost hardly grows with the
    number of slots: the broadcast decoder's MLP runs once a slot and place, this one once a place.
    """

    def __init__(self, config: SlotMixerConfig, *, slot_dim: int, token_dim: int, positions: int) -> None:
        super().__init__()
        self.config = config
        self.token_dim = token_dim
        self.positions = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, positions, slot_dim)))
        self.norm_memory = nn.LayerNorm(slot_dim)
        self.layers = nn.ModuleList(_Look(slot_dim, heads=config.heads) for _ in range(config.layers))
        self.norm_query, self.norm_key = nn.LayerNorm(slot_dim), nn.LayerNorm(slot_dim)
        self.query = nn.Linear(slot_dim, slot_dim, bias=False)
        self.key = nn.Linear(slot_dim, slot_dim, bias=False)
        widths = [slot_dim, *[config.hidden] * config.render_layers]
        parts: list[nn.Module] = [nn.LayerNorm(slot_dim)]
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.GELU()]
        extra = similarity_width(config.similarity, positions)
        self.render = nn.Sequential(*parts, nn.Linear(widths[-1], token_dim + extra))

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
    ) -> Decoded:
        """Reconstruct tokens from slots alone; nothing is random. Slots that are not kept are not seen."""
        rendered, shares = self._rendered(slots, kept)
        tokens, similarity = split_similarity(rendered, self.token_dim)
        error = squared_error(tokens, target.tokens)
        return Decoded(reconstruction=tokens, attention=shares, error=error, similarity=similarity)

    def from_slots(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        codebook: Codebook | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """The reconstruction, which needs no target (`DecodesSlots`); nothing is random."""
        return split_similarity(self._rendered(slots, kept)[0], self.token_dim)[0]

    def alone(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Explained:
        """The reconstruction and its map, which need no target (`ExplainsAlone`)."""
        rendered, shares = self._rendered(slots, kept)
        return Explained(tokens=split_similarity(rendered, self.token_dim)[0], attention=shares)

    def _rendered(
        self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]
    ) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b n m"]]:
        """Tokens, and how slots share them."""
        slots = slots.masked_fill(~kept[..., None], 0.0)  # no share of them, whatever they hold
        places = self.positions.expand(len(slots), -1, -1)
        x, memory = places, self.norm_memory(slots)
        for layer in self.layers:
            x = layer(x, memory, kept)
        scores = self.key(self.norm_key(slots)) @ self.query(self.norm_query(x)).mT  # b n m
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32)) * slots.shape[-1] ** -0.5
        shares = scores.masked_fill(~kept[..., None], -torch.inf).softmax(dim=1)
        mixed = shares.mT.to(slots.dtype) @ slots
        rendered: Tensor = self.render(mixed + places)
        return rendered, shares


class _Look(nn.Module):
    """A pre-norm Transformer layer without self-attention: look at the slots, think."""

    def __init__(self, dim: int, *, heads: int) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim, bias=False)
        self.attention = Attention(dim, heads=heads)
        self.norm_mlp = nn.LayerNorm(dim, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 4 * dim, bias=False), nn.GELU(), nn.Linear(4 * dim, dim, bias=False)
        )

    def forward(
        self, x: Float[Tensor, "b m d"], memory: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b m d"]:
        x = x + self.attention(self.norm_attention(x), memory, kept=kept)
        summed: Tensor = x + self.mlp(self.norm_mlp(x))
        return summed
