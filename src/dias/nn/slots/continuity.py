"""A clip's later frames: slots compete again, and each keeps its index; who is there is decided anew.

docs/video.md states the rule and its reasons.
"""

from dataclasses import dataclass as plain_dataclass
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT, Fraction
from dias.errors import SettingError
from dias.nn.slots.aggregation import Aggregated, Aggregation, AggregationConfig
from dias.nn.slots.arrivals import Anew, ArrivalsConfig, arrivals
from dias.nn.slots.competition import straight_through, won
from dias.nn.slots.motion import MotionConfig
from dias.nn.slots.redundancy import merge
from dias.nn.slots.thresholds import Evidence


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ContinuityConfig:
    """How later frames are aggregated, and what makes a slot come and go.

    Attributes:
        iterations: rounds of Slot Attention in a frame after the first; with re-initialization the last of
            them runs without the slots that are masked.
        enter: share of the tokens above which what only masked slots see makes one of them come back.
        leave: share of the tokens at which a slot that was there is masked. Below `enter`, so that an object
            near either limit does not flicker.
        motion: slots are expected where they were heading; None: anywhere.
        arrivals: outside training, what a frame by itself shows and no slot has gets a slot that waits; None:
            waiting slots come back by what they win alone.
    """

    iterations: PositiveInt = 2
    enter: Fraction = 0.04
    leave: Fraction = 0.0
    motion: MotionConfig | None = None
    arrivals: ArrivalsConfig | None = Field(default_factory=ArrivalsConfig)

    def changed(self, *, motion: bool = False, arrivals: bool | None = None) -> "ContinuityConfig":
        """The same, but that slots are expected somewhere, or that what comes is looked for, or is not.

        Args:
            motion: with the usual settings, in place of what is set; False: as it is.
            arrivals: likewise; None: as it is.
        """
        found = self if not motion else replace(self, motion=MotionConfig())
        if arrivals is None:
            return found
        return replace(found, arrivals=(self.arrivals or ArrivalsConfig()) if arrivals else None)

    def looks_anew(self, aggregation: AggregationConfig) -> bool:
        """Whether frames after the first are looked at by themselves too: slots wait, and may come back."""
        return self.arrivals is not None and aggregation.reduction and aggregation.reinitialization

    def check(self, aggregation: AggregationConfig) -> None:
        """See whether an aggregation can go on after the first frame.

        Raises:
            SettingError: it leaves no round before the reduction, or slots would come in below the limit at
                which they go.
        """
        if aggregation.reduction and aggregation.reinitialization and self.iterations < 2:
            raise SettingError(
                "model.continuity.iterations", self.iterations, "leaves no round before the reduction"
            )
        if self.enter < self.leave:
            raise SettingError("model.continuity.enter", self.enter, f"is below leave, {self.leave}")


@plain_dataclass(frozen=True, kw_only=True)
class Succession:
    """Who goes on, and from whom.

    Attributes:
        members: row i has the share that each slot has in what slot i becomes; rows of masked slots are 0.
        kept: slots that are there.
        held: images that tell no two things apart, so that all is as it was.
    """

    members: Float[Tensor, "b n n"]
    kept: Bool[Tensor, "b n"]
    held: Bool[Tensor, " b"]


@torch.no_grad()
def succession(
    labels: Int64[Tensor, "b n"],
    attention: Float[Tensor, "b n m"],
    kept: Bool[Tensor, "b n"],
    *,
    enter: float,
    leave: float,
) -> Succession:
    """Decide which slots are there, once all of them, masked or not, have competed for a frame.

    A cluster of redundant slots is one thing. It goes on under the index of that of its members that was
    there before and took most attention; if none was there, it is new, and the member that took most is
    revived. It is seen in the tokens that its members win. With no more than `leave` of all tokens (`enter`,
    for a new one) it is not there: all its members are masked. An image that would be left with fewer than
    two slots is held: it keeps those it had, unmerged.

    Args:
        labels: cluster of each slot.
        attention: how the slots, all of them, share the tokens; sums to 1 over n.
        kept: slots that were there in the frame before.
        enter: share of the tokens.
        leave: share of the tokens.

    Returns:
        The slots that are there, as means of their clusters weighted by attention.
    """
    n = labels.shape[1]
    places = torch.arange(n, device=labels.device)
    same = labels[:, :, None] == labels[:, None, :]
    mass = attention.mean(dim=2)
    size = won(attention).to(mass).mean(dim=2)
    seen = (same * size[:, None]).sum(dim=2)
    old = (same & kept[:, None]).any(dim=2)
    rank = mass + 2 * kept  # attention is at most 1: those that were there come first
    leads = torch.where(same, rank[:, None], -1.0).argmax(dim=2) == places
    there = leads & (seen > torch.where(old, leave, enter))
    held = there.sum(dim=1) < 2
    weight = same * mass[:, None]
    weight = weight / weight.sum(dim=2, keepdim=True).clamp(min=torch.finfo(mass.dtype).tiny)
    unchanged = torch.eye(n, device=labels.device).to(weight).expand_as(weight)
    there = torch.where(held[:, None], kept, there)
    members = torch.where(held[:, None, None], unchanged, weight) * there[..., None]
    return Succession(members=members, kept=there, held=held)


def go_on(
    aggregation: Aggregation,
    config: ContinuityConfig,
    tokens: Float[Tensor, "b m c"],
    queries: Float[Tensor, "b n d"],
    kept: Bool[Tensor, "b n"],
    *,
    reduce: bool | Bool[Tensor, " b"] = True,
    bias: Float[Tensor, "b n m"] | None = None,
    anew: Anew | None = None,
) -> tuple[Aggregated, Bool[Tensor, " b"]]:
    """Aggregate a later frame's tokens into the clip's slots; also say which images are held.

    Args:
        aggregation: that of the first frame, with its weights, threshold and choice of techniques.
        config: what differs after the first frame.
        tokens: projected features.
        queries: of all slots; those of masked ones compete too, until it is decided who is there.
        kept: slots that were there in the frame before.
        reduce: whether slots can be masked at all, as in the first frame.
        bias: what is added to the logits of every round (`dias.nn.slots.motion`).
        anew: how to look at this frame by itself too; None: do not.
    """
    parts, chosen = aggregation.competition, aggregation.config
    keys, values = parts.keys_values(tokens)
    wanted = chosen.reduction and reduce is not False
    again = chosen.reinitialization and reduce is not False
    before = config.iterations - 1 if again else config.iterations

    slots, logits = queries, []
    for round_ in range(before):
        if not again and round_ == before - 1 and chosen.bilevel:
            slots = straight_through(slots, queries)
        slots, scores = parts(slots, keys, values, bias=bias)
        logits.append(scores)

    there, held, born, stand_in = torch.ones_like(kept), torch.zeros_like(kept[:, 0]), queries, None
    if wanted:
        evidence = Evidence(attention=logits[-1].softmax(dim=1), tokens=keys)
        next_ = _succession(aggregation, config, slots, evidence, kept, reduce)
        slots, born = merge(next_.members, slots), merge(next_.members, queries)
        there, held = next_.kept, next_.held
        stand_in = _stand_in(next_) if chosen.counted else None
        if not again:
            logits[-1] = _summed(logits[-1], next_)
        elif anew is not None and config.arrivals is not None:
            seen = aggregation.of_keys(keys, values, anew.queries)
            places = arrivals(
                seen,
                ever=anew.ever,
                slots=slots,
                waiting=queries,
                masks=_masks(next_, evidence.attention),
                kept=there | held[:, None],  # where nothing is told apart, nothing comes
                apart=aggregation.apart,
                config=config.arrivals,
                bias=bias,
            )
            came = places.any(dim=2)
            slots = torch.where(came[..., None], places.to(slots) @ seen.slots.to(slots), slots)
            there = there | came
            if stand_in is not None:
                stand_in = torch.where(came, torch.arange(came.shape[1], device=came.device), stand_in)
    if again:
        start = straight_through(slots, born) if chosen.bilevel else slots
        slots, scores = parts(start, keys, values, there, bias)
        logits.append(scores)
    return Aggregated(slots=slots, kept=there, logits=logits, stand_in=stand_in), held


def _succession(
    aggregation: Aggregation,
    config: ContinuityConfig,
    slots: Float[Tensor, "b n d"],
    evidence: Evidence,
    kept: Bool[Tensor, "b n"],
    reduce: bool | Bool[Tensor, " b"],
) -> Succession:
    """Who goes on in each image; in those that are not to be reduced, all as they are."""
    labels = aggregation.clusters(slots, evidence, one_will_do=True)  # `succession` sees to two
    found = succession(labels, evidence.attention, kept, enter=config.enter, leave=config.leave)
    if not isinstance(reduce, Tensor):
        return found
    each = torch.eye(slots.shape[1], device=slots.device).to(found.members)
    return Succession(
        members=torch.where(reduce[:, None, None], found.members, each),
        kept=found.kept | ~reduce[:, None],
        held=found.held & reduce,
    )


def _masks(next_: Succession, attention: Float[Tensor, "b n m"]) -> Bool[Tensor, "b n m"]:
    """Tokens that the members of each slot win together."""
    together: Tensor = (next_.members > 0).to(attention) @ won(attention).to(attention) > 0
    return together


def _stand_in(next_: Succession) -> Int64[Tensor, "b n"]:
    """The slot that each one goes on in; its own where its cluster has left, which then is not kept."""
    within = next_.members > 0
    own = torch.arange(within.shape[1], device=within.device).expand(within.shape[:2])
    return torch.where(within.any(dim=1), within.long().argmax(dim=1), own)


def _summed(logits: Float[Tensor, "b n m"], next_: Succession) -> Float[Tensor, "b n m"]:
    """Without a further round: members' attention adds up in their cluster; what is gone gives its away."""
    summed = merge(next_.members > 0, logits.softmax(dim=1))
    summed = summed.masked_fill(~next_.kept[..., None], 1.0)  # its log has a gradient, that of 0 has none
    return (
        summed.clamp(min=torch.finfo(summed.dtype).tiny).log().masked_fill(~next_.kept[..., None], -torch.inf)
    )
