"""The labelled pictures that slot files were made of."""

from collections.abc import Iterable
from pathlib import Path

from dias.data.samples import ImageSource
from dias.evaluation import require_masks
from dias.slots.read import SlotFiles
from dias.slots.source import source_of


def labelled(files: SlotFiles, *, path: Path | None = None, settings: Iterable[str] = ()) -> ImageSource:
    """As `dias.slots.source_of`, of a data set that has masks.

    Raises:
        DiasError: it is not there, or has no masks.
        SlotsError: its pictures are others than those that the slots were made of.
    """
    source = source_of(files, path=path, settings=settings)
    require_masks(source, do="give pictures with masks and classes")
    return source
