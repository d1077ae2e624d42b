"""What an object-centric model of images says about a batch."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.nn.decoders.output import Target
from dias.nn.slots.aggregation import Aggregated


@dataclass(frozen=True, kw_only=True)
class SlotOutput:
    """Slots and how they share the tokens.

    Attributes:
        slots: one vector an object; rows whose `mask` is False mean nothing.
        mask: True = the slot is kept, False = it was merged into another, or dropped.
        attention: one map an iteration; every token's column sums to 1 over slots, masked slots have 0.
        attention_logits: the same before the softmax over slots (-inf where masked).
        target: what the decoder has to explain; None if it was not asked.
        reconstruction: what it predicted; None if it was not asked.
        error: how far each image's prediction is from the target, in the decoder's own measure; likewise.
        decoder_attention: how the decoder shares tokens among slots (evaluation only).
        similarity: logits of which tokens of a clip's next frame are like each token; None if the decoder
            does not predict it or was not asked.
        stand_in: as in `Aggregated`.
        penalties: what parts of the model want minimised beside the loss, weighted, by name.
    """

    slots: Float[Tensor, "b n d"]
    mask: Bool[Tensor, "b n"]
    attention: list[Float[Tensor, "b n m"]]
    attention_logits: list[Float[Tensor, "b n m"]]
    target: Target | None = None
    reconstruction: Float[Tensor, "b m c"] | None = None
    decoder_attention: Float[Tensor, "b n m"] | None = None
    error: Float[Tensor, " b"] | None = None
    similarity: Float[Tensor, "b m k"] | None = None
    stand_in: Int64[Tensor, "b n"] | None = None
    penalties: dict[str, Float[Tensor, ""]] = field(default_factory=dict)


def slot_output(
    found: Aggregated, *, maps: Callable[[Tensor], Tensor], penalties: dict[str, Float[Tensor, ""]]
) -> SlotOutput:
    """What an aggregation found, not explained yet; `maps` gives maps over the backbone's tokens."""
    logits = [maps(each) for each in found.logits]
    return SlotOutput(
        slots=found.slots,
        mask=found.kept,
        attention=[each.softmax(dim=1) for each in logits],
        attention_logits=logits,
        stand_in=found.stand_in,
        penalties=penalties,
    )
