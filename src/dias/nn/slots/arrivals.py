"""Slots for what comes into a clip: each frame is looked at anew; what nobody has gets a slot that waits.

Waiting slots take part in the competition for a frame, but seldom win what is new: slots that are there know
the scene and take it. A frame by itself is no such contest. docs/video.md says what this is worth.
"""

from dataclasses import dataclass as plain_dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT, Fraction
from dias.masks.overlap import soft_iou
from dias.nn.slots.aggregation import Aggregated
from dias.nn.slots.competition import won

_NEAR = 1.0  # what the logits of a thing that is found where it was expected may fall by


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ArrivalsConfig:
    """When a thing that is found in a frame by itself is new to the clip.

    It must also differ from all slots that are there by more than redundant slots may (`Aggregation.apart`).

    Attributes:
        size: share of the tokens that it has more of.
        overlap: largest IoU that it may have with what a slot of the clip has.
    """

    size: Fraction = 0.012
    overlap: Fraction = 0.5


@plain_dataclass(frozen=True, kw_only=True)
class Anew:
    """What it takes to look at a frame after the first by itself.

    Attributes:
        queries: as for a clip's first frame.
        ever: slots that have been there in some frame before.
    """

    queries: Float[Tensor, "b n d"]
    ever: Bool[Tensor, "b n"]


@torch.no_grad()
def arrivals(
    found: Aggregated,
    *,
    ever: Bool[Tensor, "b n"],
    slots: Float[Tensor, "b n d"],
    waiting: Float[Tensor, "b n d"],
    masks: Bool[Tensor, "b n m"],
    kept: Bool[Tensor, "b n"],
    apart: float,
    config: ArrivalsConfig,
    bias: Float[Tensor, "b n m"] | None = None,
) -> Bool[Tensor, "b n k"]:
    """Which waiting slot gets which thing; of each slot and each thing, one at most.

    A thing gets the slot that waits with the same, so that what returns comes back under its number; or else
    one that was never there; or else another. Of several, the one that waits with what is most like it. Where
    two things want the same slot, one gets it; the other is found again in the next frame.

    Args:
        found: in the frame by itself.
        ever: slots that have been there in some frame before.
        slots: of the clip, as they are in this frame.
        waiting: what each would start the next frame from, were it not there.
        masks: tokens that each has.
        kept: those that are there.
        apart: cosine distance up to which two slots are one thing.
        config: what makes a thing new.
        bias: less than 0 where a slot is not expected; a slot that is expected somewhere waits for what is
            found there, whatever it looks like. None: all are expected anywhere.
    """
    things = (won(found.logits[-1]) & found.kept[..., None]).float()
    overlap = soft_iou(things, masks.float())
    known = (_alike(found.slots, slots) >= 1 - apart) | (overlap > config.overlap)
    new = found.kept & (things.mean(dim=2) > config.size) & ~(known & kept[:, None]).any(dim=2)
    alike = _alike(waiting, found.slots)  # at most 1, so that what is added decides first
    same = alike >= 1 - apart
    if bias is not None:
        less = bias @ things.mT / things.sum(dim=2).clamp(min=1)[:, None]
        same = torch.where((bias < 0).any(dim=2, keepdim=True), less > -_NEAR, same)
    rank = alike + torch.where(ever[:, :, None], 4.0 * same, 2.0)
    rank = rank.masked_fill(kept[:, :, None] | ~new[:, None], -torch.inf)
    return won(rank) & won(rank.mT).mT & rank.isfinite()


def _alike(one: Float[Tensor, "b i d"], other: Float[Tensor, "b j d"]) -> Float[Tensor, "b i j"]:
    """Cosine similarity."""
    return F.normalize(one.float(), dim=2) @ F.normalize(other.float(), dim=2).mT
