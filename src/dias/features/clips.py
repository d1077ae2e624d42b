"""A cache of the frames of clips, read clip by clip."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from jaxtyping import Float16

from dias.data.samples import ClipSource
from dias.errors import CacheError
from dias.features.store import FeatureCache


class ClipFeatures:
    """The features of whole clips.

    Args:
        cache: what `dias cache` made of the clips, frame by frame, one clip after the other.
        clips: where the frames come from.

    Raises:
        CacheError: the cache was made of other clips.
    """

    def __init__(self, cache: FeatureCache, clips: ClipSource) -> None:
        self.cache = cache
        self._starts = [0, *accumulate(clips.length(index) for index in range(len(clips)))]
        if (self._starts[-1], clips.fingerprint()) != (len(cache), cache.key.data):
            raise CacheError(
                cache.folder,
                f"was made of other clips (it has {len(cache)} frames, these {self._starts[-1]})",
                do="make it anew with `dias cache`",
            )

    def __len__(self) -> int:
        """Number of clips."""
        return len(self._starts) - 1

    def length(self, index: int) -> int:
        """Number of frames of a clip."""
        return self._starts[index + 1] - self._starts[index]

    def readable(self, index: int) -> bool:
        """Whether every frame of a clip has features."""
        return all(self.cache.readable(place) for place in range(*self._starts[index : index + 2]))

    def read(
        self, index: int, frames: Sequence[int] | None = None, *, view: int = 0
    ) -> Float16[np.ndarray, "t m c"]:
        """Features of some frames of a clip (places in it), or of all, in one view.

        Raises:
            CacheError: a frame could not be read when the cache was made.
            IndexError: the clip has no such frame.
        """
        length = self.length(index)
        chosen = range(length) if frames is None else frames
        for frame in chosen:
            if not 0 <= frame < length:
                raise IndexError(f"frame {frame} of a clip of {length}")
        return np.stack([self.cache.read(self._starts[index] + frame, view) for frame in chosen])
