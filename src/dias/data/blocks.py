"""Pictures that lie together in large files, and a shuffling that needs few of the files at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Neighbouring pictures that lie in one file, so that an epoch can use few files at a time.

    Attributes:
        sizes: pictures in each block, in the order of the data set.
        window: blocks whose pictures are shuffled together.
    """

    sizes: tuple[int, ...]
    window: int

    def shuffled(self, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """Shuffle the blocks, then the pictures of `window` of them after another."""
        starts = np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)])
        ranges = [np.arange(starts[block], starts[block + 1]) for block in rng.permutation(len(self.sizes))]
        windows = [ranges[first : first + self.window] for first in range(0, len(ranges), self.window)]
        return np.concatenate([rng.permutation(np.concatenate(window)) for window in windows])


@runtime_checkable
class Sharded(Protocol):
    """A data set whose pictures lie in files of many each."""

    def blocks(self, indices: Sequence[int]) -> Blocks:
        """How some of the pictures (rising) lie in the files."""
        ...
