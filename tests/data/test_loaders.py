from collections.abc import Generator
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dias.data.loaders import (
    Batch,
    CachedViews,
    Skipped,
    TrainingOrder,
    ViewedImages,
    evaluation_batches,
    training_loader,
)
from dias.data.samples import ImageSample
from dias.data.showing import show
from dias.data.transforms import numbered_view
from dias.errors import CacheError, DiasError, SampleError


class Pictures:
    """Twelve pictures in memory, some of which cannot be read."""

    def __init__(self, *, broken: tuple[int, ...] = (), bare: tuple[int, ...] = (), length: int = 12) -> None:
        self.broken = broken
        self.bare = bare
        self.length = length
        self.reads: list[int] = []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> ImageSample:
        self.reads.append(index)
        if index in self.broken:
            raise SampleError(Path(self.name(index)), "is damaged", do="mend it")
        image = np.random.default_rng(index).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        mask = None if index in self.bare else np.full((20, 30), index, dtype=np.int32)
        ignore = np.ones((20, 30), dtype=np.bool_) if index == 1 else None
        return ImageSample(image=image, name=self.name(index), mask=mask, ignore=ignore)

    def name(self, index: int) -> str:
        return f"{index}.png"

    def fingerprint(self) -> str:
        return "0" * 64


def order_of(length: int = 12, *, batch: int = 4, first_step: int = 0, last_step: int = 6) -> TrainingOrder:
    return TrainingOrder(length, batch=batch, seed=7, first_step=first_step, last_step=last_step)


def same(a: list[Batch], b: list[Batch]) -> bool:
    assert len(a) == len(b) > 0
    return all(
        torch.equal(x.indices, y.indices) and x.images is not None and y.images is not None
        and torch.equal(x.images, y.images)
        for x, y in zip(a, b, strict=True)
    )  # fmt: skip


@given(length=st.integers(1, 40), batch=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_every_picture_comes_once_an_epoch(length: int, batch: int, seed: int) -> None:
    steps = -(-3 * length // batch)
    keys = [key for step in TrainingOrder(length, batch=batch, seed=seed, last_step=steps) for key in step]
    for epoch in range(3):
        seen = keys[epoch * length : (epoch + 1) * length]
        assert sorted(index for index, _ in seen) == list(range(length))
        assert {view for _, view in seen} == {epoch}


@given(
    length=st.integers(1, 40), batch=st.integers(1, 6), first=st.integers(0, 9), more=st.integers(0, 9),
    views=st.sampled_from([None, 1, 3]),
)  # fmt: skip
def test_a_resumed_order_goes_on_where_it_was(
    length: int, batch: int, first: int, more: int, views: int | None
) -> None:
    def order(first_step: int) -> TrainingOrder:
        return TrainingOrder(
            length, batch=batch, seed=1, first_step=first_step, last_step=first + more, views=views
        )

    assert list(order(first)) == list(order(0))[first:]
    assert len(order(first)) == more
    assert list(order(first)) == list(order(first))  # asking twice changes nothing


@given(length=st.integers(1, 40), batch=st.integers(1, 5), world=st.integers(1, 4), first=st.integers(0, 5))
def test_all_processes_together_see_what_one_would(length: int, batch: int, world: int, first: int) -> None:
    def order(*, batch: int, rank: int = 0, world: int = 1) -> list[list[tuple[int, int]]]:
        return list(
            TrainingOrder(
                length, batch=batch, seed=5, first_step=first, last_step=first + 4, rank=rank, world=world
            )
        )

    parts = [order(batch=batch, rank=rank, world=world) for rank in range(world)]
    together = [list(chain(*step)) for step in zip(*parts, strict=True)]
    assert together == order(batch=batch * world)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    def epoch(seed: int, number: int) -> list[int]:
        order = TrainingOrder(50, batch=50, seed=seed, first_step=number, last_step=number + 1)
        return [index for index, _ in next(iter(order))]

    orders = [epoch(0, 0), epoch(0, 1), epoch(1, 0), epoch(1, 1), list(range(50))]
    assert len({tuple(order) for order in orders}) == 5


def test_views_are_counted_round() -> None:
    order = TrainingOrder(5, batch=5, seed=0, last_step=7, views=3)
    assert [step[0][1] for step in order] == [0, 1, 2, 0, 1, 2, 0]


def test_an_order_of_nothing_is_refused() -> None:
    with pytest.raises(DiasError, match="0 pictures in batches of 4"):
        order_of(0)
    with pytest.raises(DiasError, match="12 pictures in batches of 0"):
        order_of(batch=0)


def test_a_view_is_what_its_number_says() -> None:
    source = Pictures()
    view = numbered_view(20, 30, size=8, seed=3, index=5, number=9)
    expected = show(source[5].image, view)
    assert torch.equal(ViewedImages(source, size=8, seed=3)[(5, 9)], expected)
    part = ViewedImages(source, size=8, seed=3, indices=[4, 5, 7])
    assert len(part) == 3
    assert torch.equal(part[(1, 9)], expected)  # a part of the data set is seen as the whole is


def test_batches_do_not_depend_on_the_number_of_workers_nor_on_the_global_random_state() -> None:
    samples = ViewedImages(Pictures(), size=8, seed=3)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    alone = list(training_loader(samples, order_of(last_step=4)))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    np.random.seed(1)
    assert same(alone, list(training_loader(samples, order_of(last_step=4), workers=2)))
    assert same(alone[2:], list(training_loader(samples, order_of(first_step=2, last_step=4))))
    assert alone[0].images is not None
    assert alone[0].images.shape == (4, 3, 8, 8)
    assert alone[0].features is None
    assert alone[0].indices.tolist() == [index for index, _ in next(iter(order_of()))]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_picture_stops_training_with_its_line(workers: int) -> None:
    loader = training_loader(ViewedImages(Pictures(broken=(3,)), size=8, seed=0), order_of(), workers=workers)
    with pytest.raises(DiasError, match=r"^3\.png: is damaged; mend it$"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_picture_is_replaced_by_the_next_readable_one_and_listed(workers: int) -> None:
    samples = ViewedImages(Pictures(broken=(3, 4, 11)), size=8, seed=0, policy="skip")
    seen = list(training_loader(samples, order_of(last_step=6), workers=workers))
    instead = {3: 5, 4: 5, 11: 0}
    for batch, keys in zip(seen, order_of(last_step=6), strict=True):
        assert batch.indices.tolist() == [instead.get(index, index) for index, _ in keys]
    assert torch.equal(samples[(3, 1)], samples[(5, 1)])
    reason = "is damaged"
    assert samples.skipped() == [Skipped(name=f"{index}.png", reason=reason) for index in (3, 4, 11)]


def test_a_bad_picture_is_tried_once_only() -> None:
    source = Pictures(broken=(3,))
    samples = ViewedImages(source, size=8, seed=0, policy="skip")
    for number in range(4):
        samples[(3, number)]
    assert source.reads == [3, 4, 4, 4, 4]


def test_pictures_that_are_all_bad_are_refused() -> None:
    samples = ViewedImages(Pictures(broken=tuple(range(12))), size=8, seed=0, policy="skip")
    with pytest.raises(DiasError, match="none of the 12 pictures could be read"):
        samples[(0, 0)]


def test_cached_features_come_by_picture_and_view() -> None:
    def read(index: int, view: int) -> np.ndarray:
        return np.full((5, 2), 10 * index + view, dtype=np.float16)

    order = TrainingOrder(4, batch=3, seed=0, last_step=4, views=2)
    for batch, keys in zip(training_loader(CachedViews(read), order), order, strict=True):
        assert batch.images is None
        assert batch.features is not None
        assert batch.features.dtype == torch.float16
        assert batch.features.shape == (3, 5, 2)
        assert batch.features[:, 0, 0].tolist() == [10 * index + view for index, view in keys]


def test_a_fault_of_the_cache_keeps_its_line() -> None:
    def read(index: int, view: int) -> np.ndarray:
        raise CacheError("cache/features.bin", "is cut short", do="make it again")

    with pytest.raises(DiasError, match=r"^cache/features\.bin: is cut short; make it again$"):
        next(iter(training_loader(CachedViews(read), order_of())))


def test_a_batch_moves_as_one() -> None:
    batch = Batch(images=torch.zeros(1, 3, 2, 2, dtype=torch.uint8), features=None, indices=torch.tensor([4]))
    moved = batch.to("meta")
    assert moved.images is not None
    assert moved.images.device.type == moved.indices.device.type == "meta"
    assert moved.features is None


@pytest.mark.parametrize("workers", [0, 3])
def test_evaluation_sees_every_centre_in_order(workers: int) -> None:
    batches = list(evaluation_batches(Pictures(), size=10, batch=5, workers=workers))
    assert [len(batch.names) for batch in batches] == [5, 5, 2]
    assert [name for batch in batches for name in batch.names] == [f"{index}.png" for index in range(12)]
    first = batches[0]
    assert first.images.shape == (5, 3, 10, 10)
    assert first.masks is not None
    assert first.masks[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert first.ignore is not None
    assert first.ignore.all(dim=2).all(dim=1).tolist() == [False, True, False, False, False]
    assert batches[1].ignore is None


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_counts_what_it_leaves_out(workers: int) -> None:
    skipped: list[Skipped] = []
    source = Pictures(broken=(0, 7))
    batches = list(evaluation_batches(source, size=4, batch=5, skipped=skipped, workers=workers))
    assert [len(batch.names) for batch in batches] == [5, 5]
    assert skipped == [Skipped(name=f"{index}.png", reason="is damaged") for index in (0, 7)]
    with pytest.raises(SampleError, match=r"0\.png: is damaged"):
        list(evaluation_batches(source, size=4, batch=5, workers=workers))


def test_evaluation_reads_no_further_ahead_than_a_batch() -> None:
    source = Pictures(length=100)
    batches = evaluation_batches(source, size=4, batch=5, workers=2)
    assert len(list(islice(batches, 2))) == 2
    assert isinstance(batches, Generator)
    batches.close()
    assert len(source.reads) <= 15


def test_evaluation_wants_all_masks_or_none() -> None:
    with pytest.raises(DiasError, match=r"6\.png: has no mask, others have"):
        list(evaluation_batches(Pictures(bare=(6,)), size=4, batch=5))
    bare = next(iter(evaluation_batches(Pictures(bare=tuple(range(12))), size=4, batch=5)))
    assert bare.masks is None
