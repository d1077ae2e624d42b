"""AdaSlot: as many slots as an image needs, chosen by a head that learns (Fan et al., CVPR 2024)."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic import Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance, gumbel
from dias.nn.mlp import mlp, zero_biases
from dias.nn.slots.aggregation import Aggregated
from dias.nn.slots.competition import Competition, straight_through


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AdaSlotConfig:
    """Settings of AdaSlot's aggregation.

    Attributes:
        slot_dim: width of a slot.
        iterations: rounds of Slot Attention, all before the selection.
        bilevel: BO-QSA's straight-through gradient to the queries at the last round.
        temperature: of the Gumbel-softmax that training draws the selection from.
        sparsity: weight of the penalty, which is the share of slots that are kept (the paper's lambda).
    """

    kind: Literal["adaslot"] = "adaslot"
    slot_dim: PositiveInt = 256
    iterations: PositiveInt = 3
    bilevel: bool = False
    temperature: PositiveFloat = 1.0
    sparsity: Annotated[float, Field(ge=0)] = 0.1

    def build(self, *, token_dim: int) -> "AdaSlotAggregation":
        """Make the module for tokens of `token_dim` channels."""
        return AdaSlotAggregation(self, token_dim=token_dim)


class AdaSlotAggregation(nn.Module):
    """Slot Attention, then a draw for each slot: is it kept?

    The draw's gradient goes straight through to the head by `presence`, so only a decoder that takes it (a
    mixture over slots) can teach the head what a slot is worth; the penalty alone would drop them all.
    """

    def __init__(self, config: AdaSlotConfig, *, token_dim: int) -> None:
        super().__init__()
        self.config = config
        dim = config.slot_dim
        self.competition = Competition(slot_dim=dim, token_dim=token_dim)
        self.choice = nn.Sequential(nn.LayerNorm(dim), *mlp(dim, hidden=4 * dim, out=2))  # drop, keep
        zero_biases(self.choice)

    def forward(
        self,
        tokens: Float[Tensor, "b m c"],
        queries: Float[Tensor, "b n d"],
        *,
        reduce: bool | Bool[Tensor, " b"] = True,
        generator: Chance = None,
        progress: float = 1.0,
    ) -> Aggregated:
        """Aggregate tokens into slots, and select among them.

        Args:
            tokens: projected features.
            queries: where the slots start.
            reduce: whether to select; without it every slot is kept. A tensor decides image by image.
            generator: of the draws; in evaluation nothing is drawn, what is likelier is done.
            progress: share of training that is done, 0 to 1; nothing follows it here.
        """
        slots, logits = self._rounds(tokens, queries)
        if reduce is False and not self.training:  # in training the head stays in the graph: DDP asks for it
            return Aggregated(slots=slots, kept=torch.ones_like(slots[..., 0]).bool(), logits=logits)
        presence = self.select(slots, generator=generator)
        if not isinstance(reduce, Tensor):
            reduce = torch.full(slots.shape[:1], reduce, device=slots.device)
        presence = torch.where(reduce[:, None], presence, 1.0)
        kept = presence > 0.5
        logits[-1] = logits[-1].masked_fill(~kept[..., None], -torch.inf)
        penalties = {"sparsity": self.config.sparsity * presence.mean()}
        return Aggregated(slots=slots, kept=kept, logits=logits, presence=presence, penalties=penalties)

    def select(self, slots: Float[Tensor, "b n d"], *, generator: Chance = None) -> Float[Tensor, "b n"]:
        """1 for a slot that is kept and 0 for others, with the gradient of the softmax that it is drawn from.

        An image that would lose all its slots keeps the likeliest: none would explain nothing.
        """
        scores = self.choice(slots).float()
        if self.training:
            noise = gumbel(*scores.shape, chance=generator, device=scores.device).to(scores)
            scores = (scores + noise) / self.config.temperature
        margin = scores[..., 1] - scores[..., 0]
        soft = margin.sigmoid()  # the softmax of two, and the margin does not underflow
        hard = margin > 0
        likeliest = F.one_hot(margin.argmax(dim=1), margin.shape[1]).bool()
        hard = hard | (likeliest & ~hard.any(dim=1, keepdim=True))
        presence: Tensor = hard.to(soft) + (soft - soft.detach())
        return presence

    def _rounds(self, tokens: Tensor, queries: Tensor) -> tuple[Tensor, list[Tensor]]:
        keys, values = self.competition.keys_values(tokens)
        slots, logits = queries, []
        for left in reversed(range(self.config.iterations)):
            if left == 0 and self.config.bilevel:
                slots = straight_through(slots, queries)
            slots, scores = self.competition(slots, keys, values)
            logits.append(scores)
        return slots, logits
