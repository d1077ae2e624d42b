"""Several views of one picture with one set of slots: tiles, or looks that lie half a patch apart.

What `benchmarks/refinement.py` compares; docs/quality.md says why the package does not offer it.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from dias.backbones import Tokens
from dias.inference import Segmenter
from dias.models import ImageModel
from dias.models.outputs import SlotOutput, slot_output
from dias.precision import arithmetic


@dataclass(frozen=True, kw_only=True)
class Views:
    """Squares that the model sees of a picture, and the finer grid that their maps make together.

    Attributes:
        side: pixels of the square that the picture is made, of which the views are cut.
        size: pixels of a view's side.
        starts: row and column of each view's first pixel.
        cell: pixels of the finer grid's side; divides the patch, every start and `side`.
    """

    side: int
    size: int
    starts: tuple[tuple[int, int], ...]
    cell: int

    def cut(self, pictures: UInt8[Tensor, "b 3 s s"]) -> UInt8[Tensor, "v 3 z z"]:
        """All views of the first picture, of the second, and so on."""
        cut = [pictures[..., y : y + self.size, x : x + self.size] for y, x in self.starts]
        return torch.stack(cut, dim=1).flatten(0, 1)

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the finer grid."""
        return (self.side // self.cell,) * 2

    def together(self, maps: Float[Tensor, "b n m"], *, grid: tuple[int, int]) -> Float[Tensor, "b n k"]:
        """One map a slot over the finer grid: of each cell the mean of what the views say.

        Args:
            maps: over the tokens of all views, one view after the other.
            grid: rows and columns of a view.
        """
        each = rearrange(maps, "b n (v r c) -> v b n r c", v=len(self.starts), r=grid[0])
        fine = self.size // grid[0] // self.cell
        total = maps.new_zeros(*maps.shape[:2], *self.cells)
        seen = maps.new_zeros(self.cells)
        for view, (y, x) in zip(each, self.starts, strict=True):
            place = (
                ...,
                slice(y // self.cell, (y + self.size) // self.cell),
                slice(x // self.cell, (x + self.size) // self.cell),
            )
            total[place] += view.repeat_interleave(fine, dim=-2).repeat_interleave(fine, dim=-1)
            seen[place[1:]] += 1
        return (total / seen).flatten(2)


def tiled(size: int, patch: int) -> Views:
    """Four tiles, each seen as large as the model sees a whole picture."""
    starts = tuple((y, x) for y in (0, size) for x in (0, size))
    return Views(side=2 * size, size=size, starts=starts, cell=patch)


def shifted(size: int, patch: int) -> Views:
    """Four views that lie half a patch apart, so that cells are half as wide."""
    half = patch // 2
    starts = tuple((y, x) for y in (0, half) for x in (0, half))
    return Views(side=size + half, size=size, starts=starts, cell=half)


@torch.inference_mode()
def maps_of_views(
    segmenter: Segmenter, image: UInt8[np.ndarray, "h w 3"], views: Views
) -> Float[Tensor, "1 k m"]:
    """A map a kept slot over the views' cells, from the decoder; computed as `dias segment` does.

    Args:
        segmenter: whose model, backbone and queries are taken.
        image: of any size.
        views: of it.
    """
    small = Image.fromarray(image).resize((views.side, views.side), Image.Resampling.BILINEAR)
    pictures = views.cut(torch.from_numpy(np.array(small)).permute(2, 0, 1)[None])
    seen = segmenter.model.see(pictures, backbone=segmenter.backbone)
    half = arithmetic(segmenter.backbone.precision, pictures.device) == torch.bfloat16
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=half):
        found = from_views(segmenter.model, seen, segmenter.queries, views=len(views.starts))
    assert found.decoder_attention is not None
    return views.together(found.decoder_attention.float(), grid=seen.grid)[:, found.mask[0]]


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

    A picture's views are neighbours in the batch of `seen`. The
    decoder explains each view by itself, from the slots that all views share.

    Args:
        model: in evaluation mode.
        seen: what `model.see` gives of b x `views` pictures.
        queries: where the slots of the b pictures start.
        views: of each picture.
        reduce: as for `ImageModel.from_tokens`.
        decode: likewise.

    Returns:
        Slots of the b pictures; maps have the tokens of the first view, then of the second, and so on.

    Raises:
        DiasError: as `ImageModel.from_tokens`.
    """
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
