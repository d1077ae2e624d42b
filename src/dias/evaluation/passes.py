"""A model's two passes over an image: without reduction, and with."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dias.backbones import Backbone, Tokens
from dias.errors import DiasError
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput


@torch.no_grad()
def both_passes(
    model: ImageModel, tokens: Tokens, *, indices: Sequence[int], seed: int
) -> tuple[SlotOutput, SlotOutput]:
    """Slots without reduction, and with reduction and re-initialization, from the same queries.

    An image's queries depend on `seed` and its index alone, so batches of any size give the same masks. The
    decoder is asked for its map alone, and left out where it has none.
    """
    queries = queries_of(model, tokens, indices=indices, seed=seed)
    decode = model.decoder.gives_map
    plain, final = (
        model.from_tokens(tokens, queries, reduce=reduce, decode=decode) for reduce in (False, True)
    )
    return plain, final


@torch.no_grad()
def final_pass(model: ImageModel, tokens: Tokens, *, indices: Sequence[int], seed: int) -> SlotOutput:
    """The second of `both_passes` alone."""
    return model.from_tokens(tokens, queries_of(model, tokens, indices=indices, seed=seed))


def queries_of(
    model: ImageModel, tokens: Tokens, *, indices: Sequence[int], seed: int
) -> Float[Tensor, "b n d"]:
    """Where the slots of images start: drawn from `seed` and each image's index alone."""
    drawn = [model.queries(1, generator=noise(seed, index)) for index in indices]
    return torch.cat(drawn).to(tokens.features.device)


def noise(seed: int, index: int) -> torch.Generator:
    """Random numbers of one image or clip, by its place in the data set."""
    state = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


def backbone_of(model: ImageModel) -> Backbone:
    """The model's backbone.

    Raises:
        DiasError: it was built without one.
    """
    if model.backbone is None:
        raise DiasError(
            "evaluation: the model has no backbone; load it with one (load_model(..., with_backbone=True))"
        )
    return model.backbone


def device_of(backbone: Backbone) -> torch.device:
    """Where a backbone computes."""
    return backbone.device
