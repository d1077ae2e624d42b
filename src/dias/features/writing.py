"""A cache's files while it is made: bytes first, then their flags, so that a kill leaves nothing torn."""

import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float16, UInt8

from dias.errors import CacheError
from dias.features.store import DONE, TODO, UNREADABLE, Layout, checksum, read_layout
from dias.files import write_json
from dias.provenance import record

_COMMIT_SECONDS = 2.0  # at most so much work is done again after a kill; syncing each batch would be slow


def prepare(folder: Path, layout: Layout) -> None:
    """Make the files of an empty cache, or make sure that those there are of the same cache.

    Raises:
        CacheError: they are not, or the disk has no room.
        OSError: the folder cannot be written.
    """
    if (folder / "cache.json").exists():
        differences = read_layout(folder).key.differences(layout.key)
        if differences:
            raise CacheError(
                folder,
                f"holds a cache made with {', '.join(differences)}",
                do="choose another folder, or delete it",
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    sizes = layout.sizes
    for name in sizes:  # of an earlier attempt that never got to cache.json
        (folder / name).unlink(missing_ok=True)
    needed, free = sum(sizes.values()), shutil.disk_usage(folder).free
    if free < needed:
        raise CacheError(
            folder,
            f"needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free",
            do="free space, or choose another folder",
        )
    try:
        for name, size in sizes.items():
            _allocate(folder / name, size)
    except OSError:
        for name in sizes:
            (folder / name).unlink(missing_ok=True)
        raise
    layout.save(folder, record(weights=layout.key.weights, data=layout.key.data).to_dict())


def list_unreadable(folder: Path, names: Iterable[str]) -> None:
    """Name in cache.json the pictures that were left out."""
    file = folder / "cache.json"
    write_json(file, json.loads(file.read_text(encoding="utf-8")) | {"unreadable": list(names)})


class CacheWriter:
    """Writes a picture's features where they belong; use it in a `with`.

    Attributes:
        state: what has been done of each picture, as it stands on disk or will at the next commit.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._features, self._sums, self._state = (
            (folder / name).open("r+b") for name in ("features.bin", "sums.bin", "state.bin")
        )
        self._row_bytes = layout.bytes // layout.key.count
        self._pending: dict[int, int] = {}
        self._committed = time.monotonic()
        self.state: UInt8[np.ndarray, " count"] = np.frombuffer(self._state.read(), dtype=np.uint8).copy()

    def __enter__(self) -> "CacheWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None or not issubclass(kind, OSError):
                self.commit()
        finally:
            for stream in (self._features, self._sums, self._state):
                stream.close()

    def to_do(self, *, again: bool) -> list[int]:
        """Pictures without features; with `again` those found unreadable earlier count too."""
        if again:
            self.state[self.state == UNREADABLE] = TODO
        return np.flatnonzero(self.state == TODO).tolist()

    def put(self, index: int, rows: Float16[np.ndarray, "v m c"]) -> None:
        """Write a picture's features; they count from the next commit on."""
        self._features.seek(index * self._row_bytes)
        self._features.write(np.ascontiguousarray(rows).data)
        self._sums.seek(4 * index)
        self._sums.write(np.uint32(checksum(rows)).tobytes())
        self._pending[index] = DONE

    def leave_out(self, index: int) -> None:
        """Remember that a picture cannot be read."""
        self._pending[index] = UNREADABLE

    def commit_sometimes(self) -> None:
        """Commit when the last time is some seconds ago."""
        if time.monotonic() - self._committed > _COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Sync what was written, and only then flag it."""
        for stream in (self._features, self._sums):
            stream.flush()
            os.fsync(stream.fileno())
        for index, value in self._pending.items():
            self.state[index] = value
            self._state.seek(index)
            self._state.write(bytes([value]))
        self._state.flush()
        os.fsync(self._state.fileno())
        self._pending.clear()
        self._committed = time.monotonic()


def _allocate(file: Path, size: int) -> None:
    """Take the space now: a file with holes would fail in the middle, and a mapped one by a signal."""
    with file.open("wb") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
        else:
            stream.truncate(size)
