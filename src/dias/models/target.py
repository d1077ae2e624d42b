"""What a model's decoder has to explain: features, a tokenizer's codes, both side by side, or flow."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from dias.backbones import Tokens
from dias.errors import DiasError
from dias.models.flow import flow_target
from dias.nn.decoders import Target
from dias.nn.tokenizers import TokenizerPart

TargetKind = Literal["features", "codes", "codes_and_features", "flow"]
_OF_FLOW = 3  # red, green and blue of its wheel


def target_channels(kind: TargetKind, *, feature_dim: int, tokenizer: TokenizerPart | None) -> int:
    """Channels of a token of the target."""
    if kind == "flow":
        return _OF_FLOW
    if tokenizer is None:
        return feature_dim
    return tokenizer.channels + (feature_dim if kind == "codes_and_features" else 0)


@torch.no_grad()
def target_of(
    seen: Tokens,
    reduced: Float[Tensor, "b m c"],
    *,
    kind: TargetKind,
    tokenizer: TokenizerPart | None,
    training: bool = True,
) -> Target:
    """Make the target of a batch.

    Args:
        seen: the batch, as the backbone gives it.
        reduced: its features as the model takes them.
        kind: which target.
        tokenizer: frozen; None where features are all there is to explain.
        training: False does without flow where there is none: the target is no number then (NaN), nor is any
            error, and masks are as they are.

    Raises:
        DiasError: the tokenizer makes codes of pictures, and there are features only; or there is no flow.
    """
    if kind == "flow":
        if seen.flow is None and not training:
            return Target(tokens=reduced.new_full((*reduced.shape[:2], _OF_FLOW), torch.nan))
        if seen.flow is None:
            raise DiasError(
                "this model's decoder explains optical flow, and there is none: take clips that have it "
                "(data.train.flow=true)"
            )
        return Target(tokens=flow_target(seen.flow, seen.grid), frames=seen.frames)
    if tokenizer is None:
        return Target(tokens=reduced, frames=seen.frames, alike=seen.keys)
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
    return Target(tokens=tokens, codes=coded.codes, frames=seen.frames, alike=seen.keys)
