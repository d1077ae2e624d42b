"""Slots, or tokens, into the picture that they stand for, where a model can do that."""

from math import isqrt

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from dias.backbones import Pixels
from dias.errors import DiasError
from dias.models.image import ImageModel
from dias.nn.chance import Chance
from dias.nn.decoders.from_slots import DecodesSlots
from dias.nn.slots.aggregation import AggregationConfig


def check_pictures(model: ImageModel) -> None:
    """Return if `model` can make pictures of slots.

    Raises:
        DiasError: why it cannot, in one line.
    """
    kind = model.config.decoder.kind
    if not isinstance(model.decoder, DecodesSlots):
        raise DiasError(
            f"pictures of slots: a decoder of kind {kind} needs part of the tokens that it explains, so "
            "slots alone give no picture; take a model of SlotDiffusion, SLATE or Slot Attention"
        )
    if model.tokenizer is None and not _sees_pixels(model):
        raise DiasError(
            f"pictures of slots: this model's decoder ({kind}) reconstructs features, which no part of it "
            "turns into pictures; take a model of SlotDiffusion, SLATE or Slot Attention"
        )
    refuse_counted(model, wish="pictures of slots", slots="slots alone")


def refuse_counted(model: ImageModel, *, wish: str, slots: str) -> None:
    """Return if slots say all that the model's decoder asks.

    Args:
        model: whose decoder it is.
        wish: what is to be done with it, for the error.
        slots: those that there are, likewise.

    Raises:
        DiasError: it counts merged slots.
    """
    aggregation = model.config.aggregation
    if isinstance(aggregation, AggregationConfig) and aggregation.reduction and aggregation.counted:
        raise DiasError(
            f"{wish}: this model's decoder meets a merged slot once for each that it stands for "
            f"(model.aggregation.counted), which {slots} do not tell; take a model trained without"
        )


@torch.no_grad()
def pictures_of_slots(
    model: ImageModel,
    slots: Float[Tensor, "b n d"],
    kept: Bool[Tensor, "b n"],
    *,
    generator: Chance = None,
) -> Float[Tensor, "b 3 s s"]:
    """Decode slots alone into pictures, 0 to 1; `slots`, `kept` and `generator` as in `DecodesSlots`.

    Raises:
        DiasError: as `check_pictures`.
    """
    check_pictures(model)
    decoder = model.decoder
    assert isinstance(decoder, DecodesSlots)
    tokens = decoder.from_slots(slots, kept, codebook=model.tokenizer, generator=generator)
    return pictures_of_tokens(model, tokens.float())


@torch.no_grad()
def pictures_of_tokens(model: ImageModel, tokens: Float[Tensor, "b m c"]) -> Float[Tensor, "b 3 s s"]:
    """Decode tokens like those of the decoder's target into pictures, 0 to 1.

    Codes are exact: a vector that a decoder made is moved to the nearest code first, as the tokenizer's
    decoder knows nothing else. Of codes and features side by side, the codes are taken.

    Raises:
        DiasError: the model's target is features, which are not pixels.
    """
    if model.tokenizer is not None:
        codes = tokens[..., : model.tokenizer.channels]
        return model.tokenizer.decode(model.tokenizer.nearest(codes))
    if not _sees_pixels(model):
        raise DiasError("pictures of tokens: this model's tokens are features, not codes or pixels")
    assert model.backbone is not None
    grid = rearrange(tokens, "b (h w) c -> b c h w", h=isqrt(tokens.shape[1]))
    return (grid * model.backbone.std + model.backbone.mean).clamp(0, 1)


def _sees_pixels(model: ImageModel) -> bool:
    """A token of the target is a pixel, standardised by the backbone."""
    pixels = isinstance(model.backbone, Pixels) and model.config.pca is None
    return pixels and model.config.target == "features"
