"""What a decoder does that needs nothing but slots: pictures are made of slots with it, edited or not."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.nn.chance import Chance


@runtime_checkable
class Codebook(Protocol):
    """What a decoder has to know of codes; every tokenizer is one."""

    def embed(self, codes: Int64[Tensor, "b k"]) -> Float[Tensor, "b k c"]:
        """Embeddings of codes."""
        ...

    def nearest(self, tokens: Float[Tensor, "b m c"]) -> Float[Tensor, "b m c"]:
        """Each vector moved to the embedding nearest to it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What slots alone explain.

    Attributes:
        tokens: like those of the decoder's target.
        attention: how slots share them (sums to 1 over n).
    """

    tokens: Float[Tensor, "b m c"]
    attention: Float[Tensor, "b n m"]


@runtime_checkable
class ExplainsAlone(Protocol):
    """A decoder that can say what slots explain, and where, without a look at what is to be explained.

    So slots of a frame that nobody has seen can be decoded.
    """

    def alone(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Explained:
        """Tokens and map of slots; those that are not kept are not seen, at least one of a picture's is."""
        ...


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
        codebook: Codebook | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """Tokens like those of the decoder's target.

        An image's tokens depend on its slots and `generator` alone, not on its place in the batch: where
        noise is needed, all images of a call start from the same. So what differs between a picture and an
        edited one is due to the edit.

        Args:
            slots: one vector an object.
            kept: slots that are not kept are not seen; at least one of an image's is kept.
            codebook: the tokenizer, where the target is its codes.
            generator: source of all that is random.
        """
        ...
