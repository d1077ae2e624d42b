"""Which pictures each training step sees."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int
from torch.utils.data import Sampler

from dias.data.blocks import Blocks
from dias.errors import DiasError

Key = tuple[int, int]  # index of a picture in its data set, number of the view


class TrainingOrder(Sampler[list[Key]]):
    """Which pictures each step sees: a pure function of (seed, step).

    Shuffled epochs follow one another in an endless stream, epoch e in the order of
    `default_rng([seed, e]).permutation(length)`, or of `Blocks.shuffled` where there are blocks. Step s takes
    the `batch * world` places of the stream from `s * batch * world` on, each process its own `batch` of
    them. A picture comes once an epoch; only a step that reaches into the next epoch may see one twice. The
    view's number is e, or e modulo `views` where there are only so many.

    Args:
        length: pictures in the data set.
        batch: of one process.
        seed: of the order.
        first_step: how many steps have been taken already.
        last_step: step to stop before.
        rank: number of this process.
        world: number of processes.
        views: views a picture has; None: a new one each epoch.
        blocks: pictures that lie together, if it matters; their sizes add up to `length`.
    """

    def __init__(
        self,
        length: int,
        *,
        batch: int,
        seed: int,
        first_step: int = 0,
        last_step: int,
        rank: int = 0,
        world: int = 1,
        views: int | None = None,
        blocks: Blocks | None = None,
    ) -> None:
        assert blocks is None or sum(blocks.sizes) == length
        if length < 1 or batch < 1:
            raise DiasError(
                f"training: {length} pictures in batches of {batch}: expected at least one of each"
            )
        self.length = length
        self.batch = batch
        self.seed = seed
        self.first_step = first_step
        self.last_step = last_step
        self.rank = rank
        self.world = world
        self.views = views
        self.blocks = blocks

    def __len__(self) -> int:
        return max(self.last_step - self.first_step, 0)

    def __iter__(self) -> Iterator[list[Key]]:
        shuffled: tuple[int, list[int]] = (-1, [])
        for step in range(self.first_step, self.last_step):
            start = (step * self.world + self.rank) * self.batch
            keys = []
            for place in range(start, start + self.batch):
                epoch, position = divmod(place, self.length)
                if shuffled[0] != epoch:
                    shuffled = epoch, self._epoch(epoch).tolist()
                keys.append((shuffled[1][position], epoch % self.views if self.views else epoch))
            yield keys

    def _epoch(self, epoch: int) -> Int[np.ndarray, " length"]:
        rng = np.random.default_rng([self.seed, epoch])
        return rng.permutation(self.length) if self.blocks is None else self.blocks.shuffled(rng)
