"""Parts of a data set: what is trained on, and what is validated on."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from dias.data.frames import ClipFrames, scenes_of
from dias.data.part import Part
from dias.data.samples import ImageSource
from dias.errors import DiasError
from dias.training.recipe import DataConfig


def some_of(source: ImageSource, count: int) -> ImageSource:
    """The first `count` images of a validation set; of clips, frames spread evenly over all of them."""
    if len(source) <= count:
        return source
    clips = len(scenes_of(source)) < len(source)
    return Part(source, _spread(range(len(source)), count) if clips else range(count))


def held_out(source: ImageSource, data: DataConfig) -> tuple[list[int], Part]:
    """Split off images to validate on: a fixed random choice, whatever the seed of the run.

    A clip is held out whole, for its frames are much alike; what is validated on is spread over them.
    Whether a picture can be read plays no part: it may change, and must not move others into training.

    Returns:
        The places that are trained on, and the part that is validated on.

    Raises:
        DiasError: there are too few images.
    """
    scenes = scenes_of(source)
    count = min(max(round(data.validation_share * len(source)), 1), data.validation_images)
    chosen: list[Sequence[int]] = []
    for place in np.random.default_rng(0).permutation(len(scenes)).tolist():
        if sum(map(len, chosen)) >= count:
            break
        chosen.append(scenes[place])
    taken = set(chain(*chosen))
    trained = [index for index in range(len(source)) if index not in taken]
    if not trained:
        raise DiasError(f"data.train: {len(source)} pictures are too few to hold {count} out for validation")
    return trained, Part(source, _spread(sorted(taken), count))


def some_clips(clips: ClipFrames, frames: int) -> Part:
    """Every frame of some whole clips, evenly spread: as many as have no more than `frames`, one at least."""
    scenes = scenes_of(clips)
    count = len(scenes)
    while count > 1 and sum(len(scenes[clip]) for clip in _spread(range(len(scenes)), count)) > frames:
        count -= 1
    return Part(clips, list(chain(*(scenes[clip] for clip in _spread(range(len(scenes)), count)))))


def held_out_clips(clips: ClipFrames, data: DataConfig) -> tuple[list[int], Part]:
    """As `held_out`, but every frame of the clips that are held out is validated on.

    Raises:
        DiasError: there are too few clips.
    """
    trained, _ = held_out(clips, data)
    kept = set(trained)
    return trained, Part(clips, [index for index in range(len(clips)) if index not in kept])


def _spread(places: Sequence[int], count: int) -> list[int]:
    """So many of some places, evenly spread."""
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    return [places[place] for place in chosen.tolist()]
