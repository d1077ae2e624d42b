"""Tokens into slots: iterations of Slot Attention, redundancy reduction, re-initialized aggregation."""

from dataclasses import dataclass as plain_dataclass
from dataclasses import field, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import SettingError
from dias.nn.chance import Chance
from dias.nn.slots.competition import Competition, straight_through
from dias.nn.slots.dendrogram import dendrogram
from dias.nn.slots.redundancy import agglomerate, keep_at_least_two, merge, merge_matrix
from dias.nn.slots.thresholds import Evidence, Threshold, merges_of

_USUAL_DISTANCE = 0.2  # of the recipes


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AggregationConfig:
    """Settings of Slot Attention; from `bilevel` on: BO-QSA's, DIAS's, and `counted`, which is ours.

    Attributes:
        slot_dim: width of a slot.
        iterations: T, rounds of Slot Attention when nothing is reduced.
        bilevel: BO-QSA's straight-through gradient to the queries at the last round.
        reduction: merge redundant slots.
        reinitialization: aggregate once more, from the slots that remain.
        threshold: cosine distance (0 to 2) below which slots are merged, complete linkage; or the kind of an
            automatic one, which each image sets for itself.
        in_use: threshold outside training; None: the same (docs/threshold.md).
        reduce_after: rounds before the reduction; T - 1 in the paper, None means that.
        counted: the decoder meets a merged slot once for each slot that it stands for, so that a background
            of several slots does not lose weight against objects by being merged. Not in the paper
            (docs/redundancy.md).
    """

    kind: Literal["slot_attention"] = "slot_attention"
    slot_dim: PositiveInt = 256
    iterations: PositiveInt = 3
    bilevel: bool = False
    reduction: bool = True
    reinitialization: bool = True
    threshold: Threshold = 0.1
    in_use: Threshold | None = None
    reduce_after: PositiveInt | None = None
    counted: bool = False

    @property
    def outside_training(self) -> Threshold:
        """Where slots are merged once a model is trained."""
        return self.threshold if self.in_use is None else self.in_use

    @property
    def distance(self) -> float | None:
        """The fixed cosine distance of `outside_training`; None: each image tells."""
        threshold = self.outside_training
        return threshold if isinstance(threshold, float) else None

    def with_threshold(self, threshold: Threshold) -> "AggregationConfig":
        """The same under another threshold, in training and outside."""
        return replace(self, threshold=threshold, in_use=None)

    def build(self, *, token_dim: int) -> "Aggregation":
        """Make the module for tokens of `token_dim` channels."""
        changes = self.reduction or self.reinitialization
        if changes and self.iterations < 2 and (self.reduce_after is None or not self.reinitialization):
            raise SettingError(
                "aggregation.iterations", self.iterations, "leaves no round of its own before the reduction"
            )
        return Aggregation(self, token_dim=token_dim)


@plain_dataclass(frozen=True, kw_only=True)
class Aggregated:
    """What an aggregation of any kind gives.

    Attributes:
        slots: one vector an object.
        kept: True = the slot is there.
        logits: of each round's attention; -inf where a slot is not kept.
        presence: 1 where a slot is kept and 0 elsewhere, with a gradient to what decided it; None if nothing
            that learns did.
        stand_in: number of the slot that each one was merged into, its own where it was not (or has left, and
            is not kept); None if the decoder is to meet every slot that is kept once.
        penalties: what this aggregation wants minimised beside the model's loss, weighted, by name.
    """

    slots: Float[Tensor, "b n d"]
    kept: Bool[Tensor, "b n"]
    logits: list[Float[Tensor, "b n m"]]
    presence: Float[Tensor, "b n"] | None = None
    stand_in: Int64[Tensor, "b n"] | None = None
    penalties: dict[str, Float[Tensor, ""]] = field(default_factory=dict)


class Aggregation(nn.Module):
    """Initial aggregation, reduction, re-initialized aggregation (method, section 2)."""

    def __init__(self, config: AggregationConfig, *, token_dim: int) -> None:
        super().__init__()
        self.config = config
        self.competition = Competition(slot_dim=config.slot_dim, token_dim=token_dim)
        # Slots that training counted as one never had to differ less than those that it told apart, so no
        # automatic threshold is to tell them apart (docs/threshold.md).
        self.taught = config.threshold if config.counted and isinstance(config.threshold, float) else None

    def with_threshold(self, threshold: Threshold) -> "Aggregation":
        """The same weights under another threshold of reduction."""
        token_dim = self.competition.key.in_features
        twin = Aggregation(self.config.with_threshold(threshold), token_dim=token_dim)
        twin.competition, twin.taught = self.competition, self.taught
        return twin.train(self.training)

    @property
    def apart(self) -> float:
        """Cosine distance up to which two slots are one thing; the usual one if a threshold is automatic."""
        threshold = self.config.threshold
        return threshold if isinstance(threshold, float) else self.taught or _USUAL_DISTANCE

    def forward(
        self,
        tokens: Float[Tensor, "b m c"],
        queries: Float[Tensor, "b n d"],
        *,
        reduce: bool | Bool[Tensor, " b"] = True,
        labels: Int64[Tensor, "b n"] | None = None,
        generator: Chance = None,
        progress: float = 1.0,
    ) -> Aggregated:
        """Aggregate tokens into slots.

        Args:
            tokens: projected features.
            queries: where the slots start.
            reduce: whether to merge redundant slots; a tensor decides image by image, as training does.
            labels: which slots to merge, as `agglomerate` numbers them; None leaves it to the threshold.
            generator: nothing is random here; other kinds of aggregation draw from it.
            progress: share of training that is done, 0 to 1; nothing follows it here, in other kinds it does.
        """
        return self.of_keys(*self.competition.keys_values(tokens), queries, reduce=reduce, labels=labels)

    def of_keys(
        self,
        keys: Float[Tensor, "b m d"],
        values: Float[Tensor, "b m d"],
        queries: Float[Tensor, "b n d"],
        *,
        reduce: bool | Bool[Tensor, " b"] = True,
        labels: Int64[Tensor, "b n"] | None = None,
    ) -> Aggregated:
        """As `forward`, where keys and values of the tokens are known."""
        wanted = self.config.reduction and reduce is not False
        again = self.config.reinitialization and reduce is not False
        before = (self.config.reduce_after or self.config.iterations - 1) if again else self.config.iterations

        slots, logits = queries, []
        for round_ in range(before):
            if not again and round_ == before - 1:
                slots = self._straight_through(slots, queries)
            slots, scores = self.competition(slots, keys, values)
            logits.append(scores)

        kept = torch.ones(slots.shape[:2], dtype=torch.bool, device=slots.device)
        average = stand_in = None
        if wanted:
            if labels is None:
                labels = self.clusters(slots, Evidence(attention=logits[-1].softmax(dim=1), tokens=keys))
            average, kept = self._reduction(labels, reduce)
            slots = merge(average, slots)
            stand_in = (average > 0).long().argmax(dim=1) if self.config.counted else None
        if again:
            born = queries if average is None else merge(average, queries)
            slots, scores = self.competition(self._straight_through(slots, born), keys, values, kept)
            logits.append(scores)
        elif average is not None:  # no further round: the members' attention adds up in their cluster
            summed = merge(average > 0, logits[-1].softmax(dim=1))
            summed = summed.masked_fill(~kept[..., None], 1.0)  # its log has a gradient, that of 0 has none
            logits[-1] = summed.log().masked_fill(~kept[..., None], -torch.inf)
        return Aggregated(slots=slots, kept=kept, logits=logits, stand_in=stand_in)

    @torch.no_grad()
    def clusters(
        self, slots: Float[Tensor, "b n d"], evidence: Evidence, *, one_will_do: bool = False
    ) -> Int64[Tensor, "b n"]:
        """Which slots the threshold merges, numbered as by `agglomerate`.

        Two clusters are left at least; a fixed threshold may leave a single one where that will do.
        """
        threshold = self.config.threshold if self.training else self.config.outside_training
        if isinstance(threshold, float):
            labels = agglomerate(slots, threshold)
            return labels if one_will_do else keep_at_least_two(labels)
        tree = dendrogram(slots)
        return tree.after(merges_of(threshold, tree, evidence, taught=self.taught))

    def _reduction(
        self, labels: Int64[Tensor, "b n"], reduce: bool | Bool[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b n n"], Bool[Tensor, "b n"]]:
        """Averaging matrix of each image's clusters, and the slots that stay."""
        if isinstance(reduce, Tensor):
            each = torch.arange(labels.shape[1], device=labels.device).expand_as(labels)
            labels = torch.where(reduce[:, None], labels, each)
        average = merge_matrix(labels)
        return average, (average > 0).any(dim=2)

    def _straight_through(self, slots: Tensor, queries: Tensor) -> Tensor:
        """BO-QSA: the last round sees the slots, its gradient goes to the queries alone."""
        return straight_through(slots, queries) if self.config.bilevel else slots
