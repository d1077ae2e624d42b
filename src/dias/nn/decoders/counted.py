"""Any decoder, asked; where it is wished, a merged slot weighs what it stands for."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from dias.nn.chance import Chance
from dias.nn.decoders.output import Decoded, Target


def decode(
    decoder: nn.Module,
    slots: Float[Tensor, "b n d"],
    kept: Bool[Tensor, "b n"],
    target: Target,
    *,
    presence: Float[Tensor, "b n"] | None = None,
    stand_in: Int64[Tensor, "b n"] | None = None,
    generator: Chance = None,
) -> Decoded:
    """Explain a target by the slots that are kept.

    Args:
        decoder: of any kind.
        slots: one vector an object.
        kept: which of them there are.
        target: what is explained.
        presence: a learned weight of each slot, for decoders that take one.
        stand_in: as for `_decode_counted`; None counts every slot once.
        generator: as the decoder takes it.
    """
    if stand_in is not None:
        return _decode_counted(decoder, slots, kept, target, stand_in=stand_in, generator=generator)
    learned = {} if presence is None else {"presence": presence}
    decoded: Decoded = decoder(slots, kept, target, generator=generator, **learned)
    return decoded


def _decode_counted(
    decoder: nn.Module,
    slots: Float[Tensor, "b n d"],
    kept: Bool[Tensor, "b n"],
    target: Target,
    *,
    stand_in: Int64[Tensor, "b n"],
    generator: Chance,
) -> Decoded:
    """Decode with each slot as often as it stands for others; any decoder will do.

    In a softmax over slots that adds the logarithm of their number to a slot's logits, as proportional
    attention does for merged tokens (Bolya et al. 2023, section 3.2).

    Args:
        decoder: of any kind.
        slots: one vector an object; those that were merged into others mean nothing.
        kept: which of them there are; of a clip's slots that are not, some stand for nothing (`go_on`).
        target: what is explained.
        stand_in: number of the slot that each one was merged into, its own where it was not.
        generator: as the decoder takes it.

    Returns:
        What the decoder says, with the attention of all that a slot stands for added up in its place.
    """
    copies = slots.gather(1, stand_in[..., None].expand_as(slots))
    decoded: Decoded = decoder(copies, kept.gather(1, stand_in), target, generator=generator)
    if decoded.attention is None:
        return decoded
    places = stand_in[..., None].expand_as(decoded.attention)
    summed = torch.zeros_like(decoded.attention).scatter_add(1, places, decoded.attention)
    return replace(decoded, attention=summed)
