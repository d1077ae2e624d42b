"""Clips as evaluation sees them: the centre square of one frame after another."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from dias.data.samples import ClipSource, ImageSample
from dias.data.transforms import as_tensor, centre_view, look
from dias.errors import DiasError
from dias.evaluation.protocol import Rules

_READ_AT_ONCE = 8  # frames


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownFrame:
    """What a predictor is given of a frame.

    Attributes:
        name: `CLIP/FRAME`.
        clip: place of the clip in its data set.
        number: place of the frame in the clip, from 0.
        index: place of the frame among those of all clips, as `dias.data.frames.ClipFrames` counts.
        image: the centre square, 0 to 255.
        size: side in pixels of the label map that is asked for.
        boxes: of objects 1, 2, ..., as `ImageSample` has them: in a clip's first frame, where they are known
            (conditional queries may start from them); None in all others.
    """

    name: str
    clip: int
    number: int
    index: int
    image: UInt8[Tensor, "3 y x"]
    size: int
    boxes: Float[np.ndarray, "k 4"] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameTruth:
    """What a label map is compared with.

    Attributes:
        mask: true segments, 0 = background.
        valid: pixels that are labelled; None when all are.
    """

    name: str
    mask: Int64[Tensor, "h w"]
    valid: Bool[Tensor, "h w"] | None


def frames_of(
    clips: ClipSource, clip: int, *, start: int, rules: Rules
) -> Iterator[tuple[ShownFrame, FrameTruth]]:
    """See one clip, a few frames in memory at a time.

    Args:
        clips: where it is.
        clip: its place there.
        start: `ShownFrame.index` of its first frame.
        rules: whose sizes the squares have.

    Raises:
        SampleError: a frame cannot be read.
        DiasError: a frame has no mask.
    """
    length = clips.length(clip)
    for first in range(0, length, _READ_AT_ONCE):
        numbers = range(first, min(first + _READ_AT_ONCE, length))
        read = clips.read(clip, numbers)
        for place, number in enumerate(numbers):
            shown, compared = _squares(read.frame(place), rules)
            frame = ShownFrame(
                name=shown.name,
                clip=clip,
                number=number,
                index=start + number,
                image=as_tensor(shown.image),
                size=rules.size,
                boxes=shown.boxes if number == 0 else None,
            )
            yield frame, _truth(compared)


def _squares(frame: ImageSample, rules: Rules) -> tuple[ImageSample, ImageSample]:
    """As the model gets it, and as masks are compared with it."""
    height, width = frame.image.shape[:2]
    shown = look(frame, centre_view(height, width, size=rules.view or rules.size))
    same = rules.view in (None, rules.size)
    return shown, shown if same else look(frame, centre_view(height, width, size=rules.size))


def _truth(frame: ImageSample) -> FrameTruth:
    if frame.mask is None:
        raise DiasError(f"{frame.name}: has no masks, so it cannot be measured; measure clips with masks")
    return FrameTruth(
        name=frame.name,
        mask=torch.from_numpy(np.ascontiguousarray(frame.mask)).long(),
        valid=None if frame.ignore is None else ~torch.from_numpy(np.ascontiguousarray(frame.ignore)),
    )
