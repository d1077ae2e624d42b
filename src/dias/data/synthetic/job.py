"""A rendered set as a job: in parallel, resumable, and whole once its mark is there."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from dias.data.parallel import each
from dias.errors import DiasError
from dias.files import write_json, write_text
from dias.progress import ProgressLine
from dias.provenance import record

_MARKS = ("scenes.json", "clips.json", "clevrer.json")


@runtime_checkable
class Settings(Protocol):
    """A dataclass that decides every pixel of a set."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def count(self) -> int:
        """Number of samples."""
        ...


def _one_file(folder: Path, settings: Settings, parts: Iterator[dict[str, Any]]) -> None:
    """Gather the descriptions into one file, a line each."""
    lines = "".join(json.dumps(part, separators=(",", ":")) + "\n" for part in parts)
    write_text(folder / "objects.jsonl", lines)


@dataclass(frozen=True, kw_only=True)
class Job:
    """How a kind of set lies in its folder.

    Attributes:
        mark: file that says that the set is whole, with settings, classes and provenance.
        unfinished: file in `parts/` that marks a set that is not.
        format: as the mark says.
        unit: of the samples, such as `images`.
        parts: folders that are filled.
        gather: makes files of the descriptions of all samples, in their order.
    """

    mark: str
    unfinished: str
    format: str
    unit: str
    parts: tuple[str, ...]
    gather: Callable[[Path, Any, Iterator[dict[str, Any]]], None] = _one_file


def run(
    job: Job,
    folder: Path,
    settings: Settings,
    write: Callable[[Path, Any, int], dict[str, Any]],
    *,
    classes: tuple[str, ...],
    workers: int,
    progress: bool,
) -> None:
    """Make a set, or finish one that was stopped.

    Args:
        job: kind of set.
        folder: of the set.
        settings: of the set.
        write: stores the files of a sample and gives its description, which is kept last and says that they
            are whole.
        classes: their names.
        workers: processes.
        progress: show a line.

    Raises:
        DiasError: the folder holds another set.
    """
    _check(job, folder, settings)
    if (folder / job.mark).exists():
        return  # whole already
    for part in ("parts", *job.parts):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_json(folder / "parts" / job.unfinished, asdict(settings))
    todo = [i for i in range(settings.count) if not _part(folder, i).exists()]
    with ProgressLine(
        "render", total=settings.count, done=settings.count - len(todo), shown=progress
    ) as line:
        for _ in each(partial(_one, write, folder, settings), todo, workers=workers):
            line.step(note=f"{line.speed:.1f} {job.unit}/s")
    _finish(job, folder, settings, classes)


def _one(write: Callable[[Path, Any, int], dict[str, Any]], folder: Path, settings: Any, index: int) -> int:
    write_json(_part(folder, index), write(folder, settings, index))
    return index


def _finish(job: Job, folder: Path, settings: Settings, classes: tuple[str, ...]) -> None:
    """Gather the descriptions; the mark says that the set is whole."""
    job.gather(folder, settings, (json.loads(_part(folder, i).read_text()) for i in range(settings.count)))
    write_json(
        folder / job.mark,
        {
            "format": job.format,
            "settings": asdict(settings),
            "classes": classes,
            "provenance": record().to_dict(),
        },
    )
    for file in (folder / "parts").iterdir():
        file.unlink()
    (folder / "parts").rmdir()


def _check(job: Job, folder: Path, settings: Settings) -> None:
    for mark in _MARKS:
        if mark != job.mark and (folder / mark).exists():
            raise DiasError(f"{folder}: holds another kind of set ({mark}); choose another folder")
    for file in (folder / job.mark, folder / "parts" / job.unfinished):
        if not file.exists():
            continue
        found = json.loads(file.read_text())
        found = found.get("settings", found)
        wanted = json.loads(json.dumps(asdict(settings)))
        if found != wanted:
            odd = sorted(key for key in wanted if found.get(key) != wanted[key])
            raise DiasError(
                f"{folder}: holds {_things(job)} made with another {', '.join(odd)}; choose another folder"
            )


def _things(job: Job) -> str:
    return job.mark.removesuffix(".json")


def _part(folder: Path, index: int) -> Path:
    return folder / "parts" / f"{index:06d}.json"
