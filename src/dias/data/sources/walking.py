"""Files in a folder and the folders in it, as every data set of one's own lists them; none that is hidden."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from dias.data.images import SUFFIXES
from dias.errors import FileError


def visible_below(folder: Path, *, without: Path | None = None) -> Iterator[tuple[Path, list[str]]]:
    """Each folder and the names of its files, top down.

    Args:
        folder: where to begin.
        without: a folder that is not looked into, such as that of the masks.

    Raises:
        FileError: a folder cannot be listed.
    """
    left_out = None if without is None else without.resolve()
    for place, folders, files in os.walk(folder, onerror=_cannot_list):
        here = Path(place)
        folders[:] = [name for name in folders if _visible(name) and (here / name).resolve() != left_out]
        yield here, list(filter(_visible, files))


def is_picture(name: str) -> bool:
    """Whether a file's name ends as a picture's."""
    return Path(name).suffix.lower() in SUFFIXES


def by_number(name: str) -> tuple[list[tuple[str, int]], str]:
    """Key that sorts numbers in names by value; names that differ in leading zeros only, as text."""
    parts = re.split(r"([0-9]+)", name)
    return [(parts[i], int(parts[i + 1])) for i in range(0, len(parts) - 1, 2)], name


def _visible(name: str) -> bool:
    return not name.startswith(".")


def _cannot_list(error: OSError) -> None:
    raise FileError(error.filename, f"cannot be listed ({error.strerror})", do="check its permissions")
