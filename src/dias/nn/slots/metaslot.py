"""MetaSlot: slots that have the same prototype are one object (Liu et al., NeurIPS 2025)."""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance, normal
from dias.nn.slots.aggregation import Aggregated
from dias.nn.slots.competition import Competition
from dias.nn.slots.prototypes import Prototypes
from dias.nn.slots.redundancy import is_first


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MetaSlotConfig:
    """Settings of MetaSlot's aggregation.

    Attributes:
        slot_dim: width of a slot.
        iterations: rounds of Slot Attention in each of the two stages.
        prototypes: size of the codebook that all images share.
        decay: share of the prototypes' moving averages that stays at each training step.
        patience: share of training without a slot after which a prototype is replaced.
        noise: standard deviation of what is added to the normed tokens in training, in a stage's first round;
            it falls linearly to 0 in its last.
    """

    kind: Literal["metaslot"] = "metaslot"
    slot_dim: PositiveInt = 256
    iterations: PositiveInt = 3
    prototypes: Annotated[int, Field(ge=2)] = 512
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    patience: Annotated[float, Field(gt=0, le=1)] = 0.02
    noise: Annotated[float, Field(ge=0)] = 0.5

    def build(self, *, token_dim: int) -> "MetaSlotAggregation":
        """Make the module for tokens of `token_dim` channels."""
        return MetaSlotAggregation(self, token_dim=token_dim)


class MetaSlotAggregation(nn.Module):
    """Aggregate, liken the slots to prototypes, drop doubles, aggregate again from the prototypes.

    The first stage only finds the prototypes, without a gradient. At the last round the gradient reaches the
    queries straight through, as in BO-QSA; it also goes back through the second stage's rounds.
    """

    def __init__(self, config: MetaSlotConfig, *, token_dim: int) -> None:
        super().__init__()
        self.config = config
        self.competition = Competition(slot_dim=config.slot_dim, token_dim=token_dim)
        self.prototypes = Prototypes(
            number=config.prototypes, dim=config.slot_dim, decay=config.decay, patience=config.patience
        )

    def forward(
        self,
        tokens: Float[Tensor, "b m c"],
        queries: Float[Tensor, "b n d"],
        *,
        reduce: bool | Bool[Tensor, " b"] = True,
        generator: Chance = None,
        progress: float = 1.0,
    ) -> Aggregated:
        """Aggregate tokens into slots; in training, let the prototypes follow them.

        Args:
            tokens: projected features.
            queries: where the slots start.
            reduce: whether to go through the prototypes; otherwise one stage starts from the queries, and
                every slot is kept. A tensor decides image by image.
            generator: of the noise and of the draw of prototypes; in evaluation nothing is random.
            progress: share of training that is done, 0 to 1; patience with prototypes is measured by it.
        """
        start, kept = queries.detach(), torch.ones_like(queries[..., 0]).bool()
        first: list[Tensor] = []
        if reduce is not False:
            start, kept, first = self._likened(tokens, start, reduce, generator)
        slots, logits = self._stage(tokens, start, kept=kept, queries=queries, generator=generator)
        if self.training:
            self.prototypes.learn(slots, kept, progress=progress, generator=generator)
        return Aggregated(slots=slots, kept=kept, logits=[*first, *logits])

    @torch.no_grad()
    def _likened(
        self, tokens: Tensor, queries: Tensor, reduce: bool | Tensor, generator: Chance
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """First stage: where the second starts, which slots are no doubles, and the maps on the way.

        An image whose slots all have one prototype starts anew from its queries: fewer than two slots explain
        nothing, and copies of one prototype could not tell objects apart.
        """
        slots, logits = self._stage(tokens, queries, generator=generator)
        numbers = self.prototypes.nearest(slots, generator=generator)
        kept = is_first(numbers)
        likened = kept.sum(dim=1) > 1
        if isinstance(reduce, Tensor):
            likened = likened & reduce
        start = torch.where(likened[:, None, None], self.prototypes.codes[numbers].to(queries), queries)
        return start, kept | ~likened[:, None], logits

    def _stage(
        self,
        tokens: Tensor,
        slots: Tensor,
        *,
        kept: Tensor | None = None,
        queries: Tensor | None = None,
        generator: Chance = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Rounds of Slot Attention over tokens that are less and less noisy."""
        still, logits = self.competition.keys_values(tokens), []
        last = self.config.iterations - 1
        for round_ in range(self.config.iterations):
            spread = self.config.noise * (1 - round_ / max(last, 1))
            seen = still
            if self.training and spread > 0:
                noise = spread * normal(*tokens.shape, chance=generator, device=tokens.device)
                seen = self.competition.keys_values(tokens, noise=noise)
            if round_ == last and queries is not None:
                slots = slots + (queries - queries.detach())
            slots, scores = self.competition(slots, *seen, kept)
            logits.append(scores)
        return slots, logits
