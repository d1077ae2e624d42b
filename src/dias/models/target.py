"""What a model's decoder has to explain: frozen features, a tokenizer's codes, or both side by side."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from dias.backbones import Tokens
from dias.errors import DiasError
from dias.nn.decoders import Target
from dias.nn.tokenizers import TokenizerPart

TargetKind = Literal["features", "codes", "codes_and_features"]


def target_channels(kind: TargetKind, *, feature_dim: int, tokenizer: TokenizerPart | None) -> int:
    """Channels of a token of the target."""
    if tokenizer is None:
        return feature_dim
    return tokenizer.channels + (feature_dim if kind == "codes_and_features" else 0)


@torch.no_grad()
def target_of(
    seen: Tokens, reduced: Float[Tensor, "b m c"], *, kind: TargetKind, tokenizer: TokenizerPart | None
) -> Target:
    """Make the target of a batch.

    Args:
        seen: the batch, as the backbone gives it.
        reduced: its features as the model takes them.
        kind: which target.
        tokenizer: frozen; None where features are all there is to explain.

    Raises:
        DiasError: the tokenizer makes codes of pictures, and there are features only.
    """
    if tokenizer is None:
        return Target(tokens=reduced, frames=seen.frames)
    source = seen.images if tokenizer.source == "images" else seen.features
    if source is None:
        raise DiasError(
            "this model's decoder explains pictures: features alone do not do; give the pictures, or leave "
            "the decoder out (decode=False)"
        )
    with torch.autocast(seen.features.device.type, enabled=False):  # the codes do not depend on who calls
        coded = tokenizer.encode(source)
    tokens = coded.tokens
    if kind == "codes_and_features":
        tokens = torch.cat([tokens, reduced.to(tokens)], dim=2)
    return Target(tokens=tokens, codes=coded.codes, frames=seen.frames)
