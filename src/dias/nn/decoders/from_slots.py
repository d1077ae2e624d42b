"""What a decoder does that needs nothing but slots: pictures are made of slots with it, edited or not."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.nn.chance import Chance

Embed = Callable[[Int64[Tensor, "b k"]], Float[Tensor, "b k c"]]


@runtime_checkable
class DecodesSlots(Protocol):
    """A decoder that makes tokens of slots alone; one that fills in given tokens is none.

    A decoder of tokens broadcasts the slots, one of codes generates code after code, a diffusion samples.
    """

    def from_slots(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        embed: Embed | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """Tokens like those of the decoder's target.

        An image's tokens depend on its slots and `generator` alone, not on its place in the batch: where
        noise is needed, all images of a call start from the same. So what differs between a picture and an
        edited one is due to the edit.

        Args:
            slots: one vector an object.
            kept: slots that are not kept are not seen; at least one of an image's is kept.
            embed: the tokenizer's embeddings of codes; for decoders of codes.
            generator: source of all that is random.
        """
        ...
