"""Orders that use few files at a time, and are pure functions of (seed, step) all the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dias.data.blocks import Blocks
from dias.data.order import TrainingOrder

SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(lambda sizes: sum(sizes) > 0)
WINDOWS = st.integers(1, 5)
SEEDS = st.integers(0, 2**32 - 1)


def order(blocks: Blocks, *, batch: int, last_step: int, seed: int = 3, **more: int) -> TrainingOrder:
    return TrainingOrder(
        sum(blocks.sizes), batch=batch, seed=seed, last_step=last_step, blocks=blocks, **more
    )


def indices(order: TrainingOrder) -> list[int]:
    return [index for step in order for index, _ in step]


@given(sizes=SIZES, window=WINDOWS, batch=st.integers(1, 8), seed=SEEDS)
def test_every_picture_comes_once_an_epoch(sizes: list[int], window: int, batch: int, seed: int) -> None:
    blocks = Blocks(sizes=tuple(sizes), window=window)
    length = sum(blocks.sizes)
    seen = indices(order(blocks, batch=batch, seed=seed, last_step=-(-3 * length // batch)))
    for epoch in range(3):
        assert sorted(seen[epoch * length : (epoch + 1) * length]) == list(range(length))


@given(sizes=SIZES, window=WINDOWS, seed=SEEDS)
def test_an_epoch_uses_a_window_of_blocks_at_a_time(sizes: list[int], window: int, seed: int) -> None:
    blocks = Blocks(sizes=tuple(sizes), window=window)
    block_of = np.repeat(np.arange(len(blocks.sizes)), blocks.sizes)
    seen = block_of[blocks.shuffled(np.random.default_rng(seed))]
    places = {block: np.flatnonzero(seen == block) for block in set(seen.tolist())}
    for first in range(len(seen)):  # blocks that have begun and are not over
        begun = [block for block, at in places.items() if at[0] <= first <= at[-1]]
        assert len(begun) <= blocks.window


@given(
    sizes=SIZES, window=WINDOWS, seed=SEEDS,
    batch=st.integers(1, 4), world=st.integers(1, 3), first=st.integers(0, 9),
)  # fmt: skip
def test_ranks_share_the_batch_and_a_resumed_order_is_the_tail(
    sizes: list[int], window: int, batch: int, world: int, first: int, seed: int
) -> None:
    blocks = Blocks(sizes=tuple(sizes), window=window)
    whole = list(order(blocks, batch=batch * world, seed=seed, last_step=12))
    ranks = [
        list(order(blocks, batch=batch, seed=seed, first_step=first, last_step=12, rank=rank, world=world))
        for rank in range(world)
    ]
    joined = [[key for part in parts for key in part] for parts in zip(*ranks, strict=True)]
    assert joined == whole[first:]


def test_epochs_and_seeds_differ_and_pictures_are_mixed() -> None:
    blocks = Blocks(sizes=(10,) * 10, window=5)
    one, other = (indices(order(blocks, batch=100, seed=seed, last_step=2)) for seed in (0, 1))
    assert len({tuple(one[:100]), tuple(one[100:]), tuple(other[:100])}) == 3
    neighbours = np.abs(np.diff(one[:100])) == 1
    assert neighbours.sum() < 10


def test_one_window_over_everything_mixes_everything() -> None:
    blocks = Blocks(sizes=(10,) * 10, window=10)
    first = indices(order(blocks, batch=10, last_step=1))
    assert len({index // 10 for index in first}) > 4
