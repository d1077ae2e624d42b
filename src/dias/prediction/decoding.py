"""Slots that nobody has seen into features, maps and, where a model has them, pictures."""

from dataclasses import dataclass
from math import isqrt

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.errors import DiasError
from dias.masks.resize import label_map
from dias.models.image import ImageModel
from dias.models.pictures import check_pictures, pictures_of_tokens, refuse_counted
from dias.nn.decoders.from_slots import Explained, ExplainsAlone

_AT_ONCE = 16  # frames


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Frames made of slots.

    Attributes:
        tokens: what the decoder predicts of each token of its target.
        labels: slot of each pixel.
        pictures: 0 to 1; None where the model makes none.
    """

    tokens: Float[Tensor, "t m c"]
    labels: Int64[Tensor, "t h w"]
    pictures: Float[Tensor, "t 3 s s"] | None


def explains_alone(model: ImageModel) -> ExplainsAlone:
    """The model's decoder, if slots are all that it needs.

    Raises:
        DiasError: it is not; says which kinds are. Or it counts merged slots.
    """
    if not isinstance(model.decoder, ExplainsAlone):
        raise DiasError(
            f"prediction: a decoder of kind {model.config.decoder.kind} needs the tokens that it "
            "explains, or says of none whose it is, so predicted slots cannot be decoded; random_ar, "
            "broadcast_mlp, slot_mixer and pixel_broadcast can"
        )
    refuse_counted(model, wish="prediction", slots="predicted slots")
    return model.decoder


def makes_pictures(model: ImageModel) -> bool:
    """Whether slots can be decoded into pixels."""
    try:
        check_pictures(model)
    except DiasError:
        return False
    return True


@torch.no_grad()
def decoded(
    model: ImageModel,
    slots: Float[Tensor, "t n d"],
    kept: Bool[Tensor, "t n"],
    *,
    size: int,
    pictures: bool = False,
) -> Decoded:
    """Decode frames.

    Args:
        model: whose slots they are.
        slots: of each frame.
        kept: which there are; of a frame without any, all are taken.
        size: side of the label maps, in pixels.
        pictures: also make pictures; only where `makes_pictures`.

    Raises:
        DiasError: as `explains_alone`.
    """
    device = next(model.parameters()).device
    decoder, kept = explains_alone(model), (kept | ~kept.any(dim=1, keepdim=True)).to(device)
    slots = slots.to(device)
    parts: list[Explained] = [
        decoder.alone(slots[start : start + _AT_ONCE], kept[start : start + _AT_ONCE])
        for start in range(0, len(slots), _AT_ONCE)
    ]
    tokens = torch.cat([part.tokens for part in parts]).float()
    attention = torch.cat([part.attention for part in parts])
    side = isqrt(attention.shape[2])
    labels = label_map(attention, grid=(side, side), size=(size, size), kept=kept)
    shown = pictures_of_tokens(model, tokens).cpu() if pictures else None
    return Decoded(tokens=tokens.cpu(), labels=labels.cpu(), pictures=shown)
