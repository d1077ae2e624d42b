"""What is seen of a clip: one part of the picture, the same in all frames."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from dias.data.samples import ClipSample
from dias.data.transforms import View, look, nearest


def look_clip(clip: ClipSample, view: View) -> ClipSample:
    """Show what a view sees of a clip: of every frame what `dias.data.transforms.look` shows of it.

    Flow is cut, resized by the nearest pixel (motions of two objects are not mixed) and told in the pixels of
    the view: scaled as the picture is, x reversed where it is mirrored.
    """
    seen = [look(clip.frame(place), view) for place in range(len(clip.numbers))]
    return replace(
        clip,
        frames=np.stack([frame.image for frame in seen]),
        mask=_stacked(frame.mask for frame in seen),
        ignore=_stacked(frame.ignore for frame in seen),
        boxes=_stacked(frame.boxes for frame in seen),
        flow=None if clip.flow is None else np.stack([look_flow(flow, view) for flow in clip.flow]),
        depth=_stacked(frame.depth for frame in seen),
    )


def look_flow(flow: Float[np.ndarray, "h w 2"], view: View) -> Float[np.ndarray, "s s 2"]:
    """Flow of a frame as a view shows it."""
    x0, y0, x1, y1 = view.box
    scale = np.array([view.size / (x1 - x0), view.size / (y1 - y0)])
    if view.flip:
        scale[0] = -scale[0]
    return np.asarray((nearest(flow, view) * scale).astype(flow.dtype))


def _stacked(parts: Iterable[np.ndarray | None]) -> np.ndarray | None:
    """One array; None where there is nothing, which is so of all frames or of none."""
    found = [part for part in parts if part is not None]
    return np.stack(found) if found else None
