"""What folders of rendered scenes and of rendered clips have in common."""

from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from jaxtyping import Shaped

from dias.data.formats.json_file import parse_json, read_json
from dias.errors import FileError, SampleError

MEND = "render the set anew"
THINGS = "objects.jsonl"

S = TypeVar("S")


class _File(msgspec.Struct):
    format: str
    settings: msgspec.Raw


class _Named(msgspec.Struct):
    classes: list[str] = []


def read_settings(file: Path, kind: type[S], *, format: str, verb: str, what: str) -> S:
    """Settings that a set was rendered with.

    Args:
        file: which stands in the folder when the set is whole.
        kind: of the settings.
        format: that the file must name.
        verb: of `dias synth`.
        what: is in such a folder, in words.

    Raises:
        FileError: the set is unfinished, missing or damaged, or of another format.
    """
    if not file.exists():
        unfinished = (file.parent / "parts").exists()
        again = f"run the same `dias synth {verb}` again to finish it"
        do = again if unfinished else f"is this a folder of {what}?"
        raise FileError(file, "does not exist", do=do)
    found = read_json(file, _File, do=MEND)
    if found.format != format:
        raise FileError(file, f"has format {found.format!r}, expected {format!r}", do=MEND)
    return parse_json(bytes(found.settings), kind, named=file, do=MEND)


def read_classes(file: Path) -> dict[int, str]:
    """Names of the classes, shapes, by their numbers; none where the file does not tell.

    Raises:
        FileError: it is damaged.
    """
    return dict(enumerate(read_json(file, _Named, do=MEND).classes))


def read_lines(folder: Path, count: int) -> list[bytes]:
    """The line of each scene or clip in `objects.jsonl`, as it is.

    Raises:
        FileError: it cannot be read, or has another number of lines.
    """
    file = folder / THINGS
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise FileError(file, f"cannot be read ({error.strerror})", do=MEND) from None
    if len(lines) != count:
        raise FileError(file, f"has {len(lines)} lines, expected {count}", do=MEND)
    return lines


def check_segments(mask: Shaped[np.ndarray, "h w"], file: Path, *, things: int) -> None:
    """Whether all segments of a mask are known.

    Raises:
        SampleError: it has more than `things`.
    """
    if mask.max(initial=0) > things:
        raise SampleError(file, f"has segment {mask.max()}, {THINGS} knows {things}", do=MEND)
