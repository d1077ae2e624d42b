"""The shape of what is known of a data set."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many images or clips a part of a data set was published with.

    Attributes:
        samples: images, or clips of a set of clips.
        split: value of the setting `split`; None: the set has no splits.
        variant: value of the setting that `DataSet.variant` names; None: the set has no variants.
        edition: which of several that no setting tells apart.
    """

    samples: int
    split: str | None = None
    variant: str | None = None
    edition: str | None = None


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Facts about a data set.

    Attributes:
        kind: of its settings.
        title: its name.
        about: what it is, in a line.
        mark: what it is recognised by.
        layout: files and folders as its archives unpack, one a line; `?` stands for what differs.
        unit: what `samples` are.
        site: where to get it.
        archives: what to download there.
        licence: in short; the site has the whole of it.
        gigabytes: size of the archives together, about.
        paper: to cite.
        recipe: the shipped one that trains on it.
        variant: the setting that chooses among its variants.
        counts: published numbers.
    """

    kind: str
    title: str
    about: str
    mark: str
    layout: tuple[str, ...]
    unit: Literal["images", "clips"] = "images"
    site: str | None = None
    archives: tuple[str, ...] = ()
    licence: str = "that of your files"
    gigabytes: int | None = None
    paper: str | None = None
    recipe: str | None = None
    variant: str | None = None
    counts: tuple[Count, ...] = ()
