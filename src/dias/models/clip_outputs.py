"""What a model of clips is told, what it remembers, and what it says."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dias.models.outputs import SlotOutput
from dias.nn.slots.motion import Course
from dias.nn.slots.transitions import Past


@dataclass(frozen=True, kw_only=True)
class Cues:
    """What is told of the objects in a clip's first frame.

    Attributes:
        places: boxes (left, top, right, bottom) or centres (x, y), in shares of the frame.
        there: which of them exist; the others are padding.
    """

    places: Float[Tensor, "b k c"]
    there: Bool[Tensor, "b k"]


def told_of(boxes: Float[Tensor, "b k 4"], *, kind: Literal["boxes", "centres"], room: int) -> Cues:
    """What a model is told of objects whose boxes are known.

    There are `room` cues whatever the number of boxes, so that no random number depends on how many objects
    other clips of a batch have. Of more objects than that, the largest boxes are told; their order stays.

    Args:
        boxes: x0, y0, x1, y1 in shares of the frame; rows without an area are of no object.
        kind: of cue.
        room: most objects that can be told of: one fewer than there are slots.
    """
    batch, count = boxes.shape[:2]
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    area = sides.prod(dim=-1)
    chosen = area.argsort(dim=1, descending=True, stable=True)[:, :room].sort(dim=1).values
    places = boxes.gather(1, chosen[..., None].expand(-1, -1, 4))
    there = area.gather(1, chosen) > 0
    if kind == "centres":
        places = (places[..., :2] + places[..., 2:]) / 2
    more = room - min(count, room)
    return Cues(
        places=torch.cat([places, places.new_zeros(batch, more, places.shape[2])], dim=1),
        there=torch.cat([there, there.new_zeros(batch, more)], dim=1),
    )


@dataclass(frozen=True, kw_only=True)
class ClipState:
    """All that a clip's frames so far leave to the next one; its size does not depend on their number.

    Attributes:
        past: what the transition looks at.
        queries: what each slot started the newest frame from.
        waits: slots that start the next one from it once more: those that are masked, and all of a frame in
            which no two things could be told apart.
        ever: slots that have been there in some frame.
        course: where slots are heading, if the model asks for it.
    """

    past: Past
    queries: Float[Tensor, "b n d"]
    waits: Bool[Tensor, "b n"]
    ever: Bool[Tensor, "b n"]
    course: Course | None = None


@dataclass(frozen=True, kw_only=True)
class ClipOutput:
    """What every frame of a batch of clips shows; index i is one slot, in all frames.

    Attributes:
        frames: the first to the last. A frame has as many maps as rounds: of the first frame T, of later ones
            `ContinuityConfig.iterations`.
    """

    frames: tuple[SlotOutput, ...]

    @property
    def slots(self) -> Float[Tensor, "b t n d"]:
        """One vector an object and frame; where `mask` is False it means nothing."""
        return torch.stack([frame.slots for frame in self.frames], dim=1)

    @property
    def mask(self) -> Bool[Tensor, "b t n"]:
        """True = the slot is there."""
        return torch.stack([frame.mask for frame in self.frames], dim=1)

    @property
    def attention(self) -> Float[Tensor, "b t n m"]:
        """Last map of each frame; a token's column sums to 1 over slots, masked slots have 0."""
        return torch.stack([frame.attention[-1] for frame in self.frames], dim=1)

    @property
    def decoder_attention(self) -> Float[Tensor, "b t n m"] | None:
        """How the decoder shares each frame's tokens; None if it was not asked or does not say."""
        maps = [frame.decoder_attention for frame in self.frames]
        known = [one for one in maps if one is not None]
        return torch.stack(known, dim=1) if len(known) == len(maps) else None

    @property
    def error(self) -> Float[Tensor, "b t"] | None:
        """How far each frame's prediction is from its target; None if the decoder was not asked."""
        errors = [frame.error for frame in self.frames if frame.error is not None]
        return torch.stack(errors, dim=1) if errors else None

    @property
    def similarity(self) -> Float[Tensor, "b t m k"] | None:
        """Which tokens of the next frame are like each token, as logits; None if that is not predicted."""
        found = [frame.similarity for frame in self.frames if frame.similarity is not None]
        return torch.stack(found, dim=1) if found else None
