"""Clips in memory, of which everything is known."""

from collections.abc import Sequence

import numpy as np

from dias.data.samples import ClipSample


def clip_of(height: int, width: int, *, frames: int = 3, seed: int = 0) -> ClipSample:
    """Noise, with all that a clip can have."""
    rng = np.random.default_rng(seed)
    shape = (frames, height, width)
    corners = np.sort(rng.random((frames, 2, 2, 2)), axis=2)
    return ClipSample(
        frames=rng.integers(0, 256, (*shape, 3), dtype=np.uint8),
        name=f"clip{seed}",
        numbers=tuple(range(frames)),
        mask=rng.integers(0, 3, shape).astype(np.int32),
        ignore=rng.random(shape) < 0.2,
        boxes=corners.reshape(frames, 2, 4),
        classes=np.array([4, 2]),
        tracks=np.array([8, 9]),
        flow=rng.normal(size=(*shape, 2)).astype(np.float32),
        depth=rng.random(shape).astype(np.float32),
    )


class Clips:
    """Three clips of 2, 3 and 1 frames."""

    lengths = (2, 3, 1)

    def __len__(self) -> int:
        return len(self.lengths)

    def length(self, index: int) -> int:
        return self.lengths[index]

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        whole = clip_of(20, 30, frames=self.lengths[index], seed=index)
        places = list(range(self.lengths[index]) if frames is None else frames)
        parts = ("frames", "mask", "ignore", "boxes", "flow", "depth")
        return ClipSample(
            name=self.name(index),
            numbers=tuple(places),
            classes=whole.classes,
            tracks=whole.tracks,
            **{part: getattr(whole, part)[places] for part in parts},
        )

    def name(self, index: int) -> str:
        return f"clip{index}"

    def fingerprint(self) -> str:
        return "0" * 64
