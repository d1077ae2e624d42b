"""Files that are whole or absent: atomic writes, hashes, and the user's cache folder."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from dias.errors import FileError


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Give a temporary path beside `file`; on success sync it and rename it over `file`.

    What stood at `file` before survives any failure, a full disk included.

    Raises:
        FileError: the disk is full, or the folder cannot be written.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(file)
        _sync_folder(file.parent)
    except OSError as error:
        raise FileError(
            file,
            f"could not be written ({error.strerror or error})",
            do="free space or choose another folder",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def check_writable(file: Path) -> None:
    """Make sure that `file` can be written, before hours are spent on what it is to hold.

    Raises:
        FileError: it is a folder, or its own folder cannot be made or written.
    """
    if file.is_dir():
        raise FileError(file, "is a folder", do="give the name of a file")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        part.unlink()
    except OSError as error:
        raise FileError(
            file, f"cannot be written ({error.strerror or error})", do="choose another folder"
        ) from error


def write_atomic(file: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a binary stream, then put it at `file` in one step."""
    with atomic(file) as part, part.open("wb") as stream:
        write(stream)


def write_text(file: Path, text: str) -> None:
    """Write UTF-8 text in one step."""
    write_atomic(file, lambda stream: stream.write(text.encode()))


def write_json(file: Path, value: Any) -> None:
    """Write JSON in one step; NaN becomes null, since JSON has no NaN."""
    write_text(file, json.dumps(_without_nan(value), indent=2) + "\n")


def sha256(file: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where this user's downloaded weights are kept: `$DIAS_CACHE`, else `~/.cache/dias`."""
    chosen = os.environ.get("DIAS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dias"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value
