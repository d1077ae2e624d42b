"""What editing gives, as contact sheets: reconstructions, objects removed, objects exchanged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dias.data.samples import ImageSource, Skipped, picture_of
from dias.errors import DiasError, SampleError
from dias.files import write_atomic
from dias.inference.editing import Editor, Picture, Scene, exchanged, without
from dias.viz import colours, contact_sheet, overlay, png

_FRAME = 1 / 24  # of a picture's side
_FIRST = ("picture", "objects", "best possible", "from its slots")


@dataclass(frozen=True, kw_only=True)
class Sheets:
    """Files that were written, and pictures that could not be read."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def save_edits(
    editor: Editor,
    sources: Sequence[ImageSource],
    out: Path,
    *,
    remove: bool = False,
    swap: bool = False,
    most: int = 8,
) -> Sheets:
    """Write contact sheets of the first pictures of some sources into `out`.

    `reconstruction.png`: of each picture, what the model saw, its objects (colours go by area, the largest
    first), what the decoder's own target looks like as a picture, and the picture made of the slots alone.
    With `remove`, `remove.png`: the picture made without one of the slots, framed in that object's colour.
    With `swap`, `swap.png`: of the first and second picture, the third and fourth and so on, both after the
    objects of one colour have been exchanged; a picture without partner is left out.

    Args:
        editor: makes the pictures.
        sources: where the pictures are; unreadable ones are skipped.
        out: folder for the sheets.
        remove: also remove objects.
        swap: also exchange objects.
        most: pictures looked at, over all sources.

    Raises:
        DiasError: no picture could be read, or just one, and two are to exchange objects.
    """
    scenes, skipped = _scenes(editor, sources, most=most)
    if swap and len(scenes) < 2:
        raise DiasError(f"--swap: objects are exchanged between two pictures; {len(scenes)} could be read")
    plain = [
        [*_seen(scene), shown]
        for scene, shown in zip(scenes, editor.pictures([scene.slots for scene in scenes]), strict=True)
    ]
    names = [scene.name for scene in scenes]
    files = [_write(out / "reconstruction.png", plain, titles=_FIRST, names=names)]
    if remove:
        rows = [row[:2] + row[3:] + _removed(editor, scene) for row, scene in zip(plain, scenes, strict=True)]
        files.append(_write(out / "remove.png", rows, titles=_edit_titles(rows, "without"), names=names))
    if swap:
        rows = []
        for first in range(0, len(scenes) - 1, 2):
            edits = _swapped(editor, scenes[first], scenes[first + 1])
            rows += [
                row[:2] + row[3:] + more for row, more in zip(plain[first : first + 2], edits, strict=True)
            ]
        files.append(_write(out / "swap.png", rows, titles=_edit_titles(rows, "exchanged"), names=names))
    return Sheets(files=tuple(files), skipped=tuple(skipped))


def _scenes(
    editor: Editor, sources: Sequence[ImageSource], *, most: int
) -> tuple[list[Scene], list[Skipped]]:
    images: list[Picture] = []
    names: list[str] = []
    skipped: list[Skipped] = []
    for source in sources:
        for index in range(len(source)):
            if len(images) == most:
                break
            try:
                images.append(picture_of(source, index).image)
                names.append(source.name(index))
            except SampleError as error:
                skipped.append(Skipped(name=source.name(index), reason=error.problem))
    if not images:
        why = f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""
        raise DiasError(f"no picture could be read: {len(skipped)} skipped{why}")
    return editor.see(images, names=names), skipped


def _seen(scene: Scene) -> list[Picture]:
    return [scene.picture, overlay(scene.picture, scene.labels), scene.best]


def _removed(editor: Editor, scene: Scene) -> list[Picture]:
    count = len(scene.slots)
    if count < 2:  # without its only slot, there is nothing to decode
        return []
    made = editor.pictures([without(scene.slots, index) for index in range(count)])
    return [_framed(picture, index) for index, picture in enumerate(made)]


def _swapped(editor: Editor, one: Scene, other: Scene) -> tuple[list[Picture], list[Picture]]:
    both = [
        exchanged(one.slots, other.slots, index) for index in range(min(len(one.slots), len(other.slots)))
    ]
    made = editor.pictures([slots for pair in both for slots in pair])
    framed = [_framed(picture, number // 2) for number, picture in enumerate(made)]
    return framed[::2], framed[1::2]


def _framed(picture: Picture, index: int) -> Picture:
    """In the colour of an object."""
    width = max(1, round(len(picture) * _FRAME))
    framed = np.empty_like(picture)
    framed[:] = colours(index + 1)[index]
    framed[width:-width, width:-width] = picture[width:-width, width:-width]
    return framed


def _edit_titles(rows: Sequence[Sequence[Picture]], word: str) -> list[str]:
    columns = max(len(row) for row in rows) - 3
    return ["picture", "objects", "from its slots", *[f"{word} {number + 1}" for number in range(columns)]]


def _write(
    file: Path,
    rows: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"]]],
    *,
    titles: Sequence[str],
    names: Sequence[str],
) -> Path:
    sheet = png(contact_sheet(rows, titles=titles, row_titles=names))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, lambda stream: stream.write(sheet))
    return file
