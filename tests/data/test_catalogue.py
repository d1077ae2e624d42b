"""The catalogue knows every data set that can be read, and the number of samples that its settings choose."""

from pathlib import Path
from typing import Literal, get_args

import pytest
from pydantic.dataclasses import dataclass

from dias.data.catalogue import DATA_SETS, published
from dias.data.samples import ImageSource
from dias.data.sources import PhotosConfig, Source, Use
from dias.training.recipe import shipped


@dataclass(frozen=True, kw_only=True)
class Voc:
    """Settings as a reader of Pascal VOC has them."""

    kind: Literal["voc"] = "voc"
    path: str = "VOCdevkit"
    year: int | None = 2012
    split: str = "trainval"

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "Voc | None":
        return None

    def splits(self) -> tuple[str, ...]:
        return (self.split,)

    def build(self) -> ImageSource:
        raise NotImplementedError


def test_every_kind_of_source_is_described_once() -> None:
    kinds = {get_args(config.__annotations__["kind"])[0] for config in get_args(get_args(Source)[0])}
    described = [one.kind for one in DATA_SETS]
    assert kinds <= set(described)
    assert len(described) == len(set(described))


def test_recipes_exist() -> None:
    assert {one.recipe for one in DATA_SETS if one.recipe} <= set(shipped())


@pytest.mark.parametrize("one", DATA_SETS, ids=lambda one: one.kind)
def test_counts_are_of_different_parts(one) -> None:
    parts = [(count.variant, count.edition, count.split) for count in one.counts]
    assert len(parts) == len(set(parts))
    assert all((count.variant is None) == (one.variant is None) for count in one.counts)


@pytest.mark.parametrize(
    ("year", "split", "counts"),
    [
        (2012, "trainval", [2_913]),
        (2012, "trainaug", [10_582]),
        (2007, "trainval", [422]),
        (2007, "trainaug", []),
        (None, "trainval", [2_913, 422]),  # whichever it is
    ],
)
def test_the_published_number_follows_from_variant_and_split(
    year: int | None, split: str, counts: list[int]
) -> None:
    assert [count.samples for count in published(Voc(year=year, split=split))] == counts


def test_a_set_without_splits_has_one_number() -> None:
    [count] = published(PhotosConfig())
    assert count.samples == len(PhotosConfig().build())
