"""The pictures that slot files were made of."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from dias.config import STRICT, from_dict, with_changes
from dias.data.frames import images_of
from dias.data.samples import ImageSource
from dias.data.sources import Source
from dias.errors import SlotsError
from dias.slots.read import SlotFiles


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Data:
    data: Source


def source_of(files: SlotFiles, *, path: Path | None = None, settings: Iterable[str] = ()) -> ImageSource:
    """Open the data set that slots were made of.

    Args:
        files: the slots.
        path: where the data set lies now; None: where it lay.
        settings: `KEY=VALUE` changes of its settings, such as `label=pattern` of rendered scenes.

    Raises:
        DiasError: it is not there, or is damaged.
        SlotsError: its pictures are others than those that the slots were made of.
    """
    values: dict[str, Any] = {
        name: value
        for name, value in files.header.data.items()
        if name != "of"  # told of a copy
    }
    if path is not None:
        values["path"] = str(path)
    values = with_changes(values, settings)
    settings_of = from_dict(_Data, {"data": values}, where=f"{files.folder}: data set")
    source = images_of(settings_of.data.build())
    if source.fingerprint() != files.header.fingerprint:
        where = values.get("path", values.get("kind"))
        raise SlotsError(
            files.folder,
            f"was not made of the pictures in {where}",
            do="name the right ones with --data, or extract the slots again",
        )
    return source
