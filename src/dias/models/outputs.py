"""What an object-centric model of images says about a batch."""

from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.nn.decoders.output import Target


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
        stand_in: as in `Aggregated`.
        penalties: what parts of the model want minimised beside the loss, weighted, by name.
    """

    slots: Float[Tensor, "b n d"]
    mask: Bool[Tensor, "b n"]
    attention: list[Float[Tensor, "b n m"]]
    attention_logits: list[Float[Tensor, "b n m"]]
    target: Target | None
    reconstruction: Float[Tensor, "b m c"] | None
    decoder_attention: Float[Tensor, "b n m"] | None
    error: Float[Tensor, " b"] | None = None
    stand_in: Int64[Tensor, "b n"] | None = None
    penalties: dict[str, Float[Tensor, ""]] = field(default_factory=dict)
