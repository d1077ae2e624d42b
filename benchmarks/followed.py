"""What a model makes of a clip that is in memory, for benchmarks of single things."""

from functools import partial

import numpy as np
from jaxtyping import Int, Int32

from dias.data.samples import ClipSample
from dias.data.streams import StreamFrame
from dias.inference.tracks import Tracked, Tracker
from dias.models import ClipModel


def labels_of(model: ClipModel, clip: ClipSample) -> list[Int32[np.ndarray, "h w"]]:
    """The slot of each pixel of each frame, by the decoder's map."""
    frames = (
        StreamFrame(at, float(at), partial(clip.frames.__getitem__, at)) for at in range(len(clip.frames))
    )
    return [one.labels for one in Tracker(model, map="decoder").stream(frames) if isinstance(one, Tracked)]


def slot_of(labels: Int32[np.ndarray, "h w"], mask: Int[np.ndarray, "h w"], thing: int) -> int | None:
    """The slot that has most pixels of a thing; None if it is not seen."""
    found = labels[mask == thing]
    return int(np.bincount(found).argmax()) if len(found) else None
