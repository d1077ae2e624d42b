"""One process at a time writes a cache."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from dias.errors import CacheError


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a cache's lock; the system gives it back when the process ends, however it ends.

    Raises:
        CacheError: another process holds it; says which, and on which machine.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / "writer.lock"), folder / "writer.txt"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise CacheError(
            folder,
            f"is being written by {_read(holder)}",
            do="wait until it is done, or choose another folder",
        ) from None
    try:
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _read(holder: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return holder.read_text(encoding="utf-8") or "another process"
    return "another process"
