"""What finds the slots of a data set: a segmenter picture by picture, or a tracker through clips."""

from pathlib import Path
from typing import Literal

from dias.checkpoints import CLIP_FORMAT, describe
from dias.data.frames import ClipFrames
from dias.data.samples import ImageSource
from dias.errors import DiasError
from dias.inference.looking import Fit
from dias.inference.segment import Segmenter
from dias.inference.shortcuts import load, load_tracking
from dias.inference.tracks import Tracker
from dias.nn.slots.thresholds import Threshold


def finder_of(
    checkpoint: Path,
    source: ImageSource,
    *,
    follow: bool = False,
    map: Literal["aggregation", "decoder"] = "aggregation",
    size: int | None = None,
    batch: int = 16,
    fit: Fit = "whole",
    seed: int = 0,
    threshold: Threshold | None = None,
    weights: str | None = None,
    device: str = "auto",
) -> Segmenter | Tracker:
    """Load a checkpoint to find slots with.

    Args:
        checkpoint: a file, or the folder of a run. A model of clips follows clips; one of pictures sees each
            frame by itself.
        source: what it is for.
        follow: let a model of pictures follow clips too: every frame starts from the slots before it
            (`dias.models.following`).
        map: likewise as for `Segmenter`, as are size, batch, fit and seed.
        size: side in pixels.
        batch: pictures at once.
        fit: squeezed, or the centre square.
        seed: of the queries.
        threshold: below which slots are merged; None: the checkpoint's own.
        weights: local path of the backbone's weights.
        device: where it goes.

    Raises:
        DiasError: the model cannot be loaded; or clips are to be followed, and the source has none.
    """
    of_clips = describe(checkpoint)["format"] == CLIP_FORMAT
    if not (of_clips or follow):
        model = load(checkpoint, weights=weights, device=device)
        model = model if threshold is None else model.with_threshold(threshold)
        return Segmenter(model, map=map, size=size, batch=batch, fit=fit, seed=seed)
    if not isinstance(source, ClipFrames):
        raise DiasError(
            f"{checkpoint}: a model of clips follows clips; this data set is of pictures: give clips or a "
            "video, or a model of pictures"
            if of_clips
            else "--follow: this data set is of pictures; give clips or a video"
        )
    tracking = load_tracking(checkpoint, weights=weights, device=device)
    tracking = tracking if threshold is None else tracking.with_threshold(threshold)
    return Tracker(tracking, map=map, size=size, batch=batch, fit=fit, seed=seed)
