"""Which data set was taken, told so that nobody has to guess the split or the mode."""

from collections.abc import Mapping
from typing import Any

from dias.config import to_dict
from dias.data.samples import Copied, ImageSource
from dias.data.sources.contract import SourceConfig


def in_words(config: SourceConfig, source: ImageSource) -> str:
    """Such as `data: coco in data/coco, split=val2017, mode=instance: 5,000 images`; no unset settings.

    Of a copy also what it was made from: `data: packed in packs/coco, window=16, of coco, split=train2017`.
    """
    copied = f", of {_chosen(source.origin().settings)}" if isinstance(source, Copied) else ""
    return f"data: {_chosen(to_dict(config))}{copied}: {len(source):,} images"


def to_store(config: SourceConfig, source: ImageSource) -> dict[str, Any]:
    """Its settings, ready for JSON; of a copy also, as `of`, those of what it was made from."""
    copied = {"of": dict(source.origin().settings)} if isinstance(source, Copied) else {}
    return to_dict(config) | copied


def _chosen(values: Mapping[str, Any]) -> str:
    kind, path = values.get("kind", "unknown data"), values.get("path")
    where = f" in {path}" if path is not None else ""
    others = [
        (key, value) for key, value in values.items() if key not in ("kind", "path") and value is not None
    ]
    return f"{kind}{where}" + "".join(f", {key}={_word(value)}" for key, value in others)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
