"""A merged slot weighs in the decoder what it stands for."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from dias.nn.chance import Chance
from dias.nn.decoders.output import Decoded, Target


def decode_counted(
    decoder: nn.Module,
    slots: Float[Tensor, "b n d"],
    target: Target,
    *,
    stand_in: Int64[Tensor, "b n"],
    generator: Chance = None,
) -> Decoded:
    """Decode with each slot as often as it stands for others; any decoder will do.

    In a softmax over slots that adds the logarithm of their number to a slot's logits, as proportional
    attention does for merged tokens (Bolya et al. 2023, section 3.2).

    Args:
        decoder: of any kind.
        slots: one vector an object; those that were merged into others mean nothing.
        target: what is explained.
        stand_in: number of the slot that each one was merged into, its own where it was not.
        generator: as the decoder takes it.

    Returns:
        What the decoder says, with the attention of all that a slot stands for added up in its place.
    """
    copies = slots.gather(1, stand_in[..., None].expand_as(slots))
    everyone = torch.ones_like(stand_in, dtype=torch.bool)
    decoded: Decoded = decoder(copies, everyone, target, generator=generator)
    if decoded.attention is None:
        return decoded
    places = stand_in[..., None].expand_as(decoded.attention)
    summed = torch.zeros_like(decoded.attention).scatter_add(1, places, decoded.attention)
    return replace(decoded, attention=summed)
