"""Frames of a clip through an image model: taken out of a batch, and explained, one by one or all at once."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from dias.backbones import Tokens
from dias.models.clip_outputs import Cues
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput
from dias.nn.chance import Chance, Share
from dias.nn.decoders import Target
from dias.nn.slots.cues import ToldQueries


def one_frame(seen: Tokens, at: int, *, of: int) -> Tokens:
    """Frame `at` of each clip, where the batch is `of` frames of the first clip, of the second, and so on."""
    return replace(
        seen,
        features=_every(seen.features, at, of),
        flow=None if seen.flow is None else _every(seen.flow, at, of),
        images=None if seen.images is None else _every(seen.images, at, of),
        unfinished=None if seen.unfinished is None else _every(seen.unfinished, at, of),
        keys=None if seen.keys is None else _every(seen.keys, at, of),
    )


def starts(
    image: ImageModel,
    tokens: Float[Tensor, "b m c"],
    told: ToldQueries | None = None,
    cues: Cues | None = None,
    *,
    generator: Chance = None,
    progress: float = 1.0,
) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b n d"]]:
    """Queries for a frame by itself as they are drawn, or told; and where the slots start from them.

    Args:
        image: the model.
        tokens: projected features.
        told: part of the model of clips that heeds cues.
        cues: what is told of the objects; None: nothing.
        generator: source of their noise.
        progress: share of training that is done, 0 to 1.
    """
    queries = image.queries(len(tokens), generator=generator, progress=progress)
    if told is not None and cues is not None:
        queries = told(queries, cues.places, cues.there, generator=generator)
    return image.start(tokens, queries, generator=generator, progress=progress)


def explained_at_once(
    image: ImageModel, outputs: list[SlotOutput], seen: Tokens, *, generator: Chance = None
) -> list[SlotOutput]:
    """All frames explained in one call of the decoder; each draws its known tokens for itself.

    Args:
        image: whose decoder it is.
        outputs: of the frames, of all clips each.
        seen: all frames of the first clip, of the second, and so on.
        generator: as the decoder takes it; a `Share` counts clips.
    """
    frames = len(outputs)
    if isinstance(generator, Share):
        generator = Share(start=generator.start * frames, total=generator.total * frames)
    seen = replace(seen, frames=frames)
    flat = SlotOutput(
        slots=torch.stack([one.slots for one in outputs], dim=1).flatten(0, 1),
        mask=torch.stack([one.mask for one in outputs], dim=1).flatten(0, 1),
        attention=[],
        attention_logits=[],
        stand_in=_stood(outputs),
    )
    found = image.explain(flat, seen, image.reduce_features(seen.features), generator=generator)
    return [_with_explanation(one, found, at, of=frames) for at, one in enumerate(outputs)]


def _stood(outputs: list[SlotOutput]) -> Int64[Tensor, "bt n"] | None:
    """What each slot stands in, where slots are counted: in all frames, or in none."""
    found = [one.stand_in for one in outputs if one.stand_in is not None]
    return torch.stack(found, dim=1).flatten(0, 1) if found else None


def _with_explanation(output: SlotOutput, found: SlotOutput, at: int, *, of: int) -> SlotOutput:
    assert found.target is not None
    assert found.reconstruction is not None
    assert found.error is not None
    codes, alike, attention = found.target.codes, found.target.alike, found.decoder_attention
    return replace(
        output,
        target=Target(
            tokens=_every(found.target.tokens, at, of),
            codes=None if codes is None else _every(codes, at, of),
            alike=None if alike is None else _every(alike, at, of),
        ),
        reconstruction=_every(found.reconstruction, at, of),
        decoder_attention=None if attention is None else _every(attention, at, of),
        error=_every(found.error, at, of),
        similarity=None if found.similarity is None else _every(found.similarity, at, of),
    )


def _every(values: Shaped[Tensor, "bt *rest"], at: int, of: int) -> Shaped[Tensor, "b *rest"]:
    """Frame `at` of each clip of `of` frames."""
    return values[at::of]
