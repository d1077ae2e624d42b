"""Several views of one picture, and one set of slots for all of them."""

from dataclasses import replace

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from dias.backbones import Tokens
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput, slot_output


def from_views(
    model: ImageModel,
    seen: Tokens,
    queries: Float[Tensor, "b n d"],
    *,
    views: int,
    reduce: bool = True,
    decode: bool = True,
) -> SlotOutput:
    """Find the objects of pictures that were seen in several views: slots compete for the tokens of all.

    A picture's views are neighbours in the batch of `seen`. With one view this is `model.from_tokens`. The
    decoder explains each view by itself, from the slots that all views share.

    Args:
        model: in evaluation mode.
        seen: what `model.see` gives of b x `views` pictures.
        queries: where the slots of the b pictures start.
        views: of each picture.
        reduce: as for `ImageModel.from_tokens`.
        decode: likewise.

    Returns:
        Slots of the b pictures; maps have the tokens of the first view, then of the second, and so on. Where
        there are several views, target, reconstruction and error are left out.

    Raises:
        DiasError: as `ImageModel.from_tokens`.
    """
    if views == 1:
        return model.from_tokens(seen, queries, reduce=reduce, decode=decode)
    model.check(seen, decode=decode)
    reduced, tokens = model.project(seen)
    tokens = rearrange(tokens, "(b v) k c -> b (v k) c", v=views)
    queries, start = model.start(tokens, queries, generator=None, progress=1.0)
    found = model.aggregation(tokens, start, reduce=reduce)

    def maps(logits: Tensor) -> Tensor:
        each = rearrange(logits, "b n (v k) -> (b v) n k", v=views)
        return rearrange(model.projection.maps(each), "(b v) n m -> b n (v m)", v=views)

    output = slot_output(found, maps=maps, penalties={})
    if not decode:
        return output

    def for_each(value: Tensor | None) -> Tensor | None:
        return None if value is None else value.repeat_interleave(views, dim=0)

    shared = replace(
        output,
        attention=[],
        attention_logits=[],
        slots=output.slots.repeat_interleave(views, dim=0),
        mask=output.mask.repeat_interleave(views, dim=0),
        stand_in=for_each(output.stand_in),
    )
    explained = model.explain(shared, seen, reduced, presence=for_each(found.presence)).decoder_attention
    if explained is None:
        return output
    return replace(output, decoder_attention=rearrange(explained, "(b v) n m -> b n (v m)", v=views))
