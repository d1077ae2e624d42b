"""What is known of every data set that can be read: where to get it, its licence, how large it should be."""

from dias.config import to_dict
from dias.data.catalogue.downloads import DOWNLOADS
from dias.data.catalogue.entry import Count, DataSet
from dias.data.catalogue.own import OWN
from dias.data.sources.contract import SourceConfig

DATA_SETS = (*DOWNLOADS, *OWN)

__all__ = ["DATA_SETS", "Count", "DataSet", "described", "published"]


def described(kind: str) -> DataSet | None:
    """Facts about the data sets of a kind."""
    return next((one for one in DATA_SETS if one.kind == kind), None)


def published(config: SourceConfig) -> tuple[Count, ...]:
    """How many images or clips the part of a data set which these settings choose should have.

    None where that is not known, or where the settings choose something that was not published by itself;
    several where they leave open which variant or edition it is.
    """
    values = to_dict(config)
    facts = described(values["kind"])
    if facts is None:
        return ()
    split, variant = _text(values.get("split")), _text(values.get(facts.variant or ""))
    return tuple(
        one for one in facts.counts if one.split == split and (variant is None or one.variant == variant)
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
