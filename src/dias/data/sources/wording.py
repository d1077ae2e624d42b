"""A data set's settings in a line, so that nobody has to guess which split or mode was taken."""

from dias.config import to_dict
from dias.data.sources.contract import SourceConfig


def in_words(config: SourceConfig, *, images: int) -> str:
    """Such as `data: coco in data/coco, split=val2017, mode=instance: 5,000 images`; no unset settings."""
    values = to_dict(config)
    kind, path = values.pop("kind"), values.pop("path", None)
    where = f" in {path}" if path is not None else ""
    chosen = "".join(f", {key}={_word(value)}" for key, value in values.items() if value is not None)
    return f"data: {kind}{where}{chosen}: {images:,} images"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
