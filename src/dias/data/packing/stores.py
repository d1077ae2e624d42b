"""Where the files of a pack lie: a folder; S3 and a local cache have files of their own beside this one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from dias.errors import FileError, SampleError

_OPEN_FILES = 32
_PIECE = 1 << 20


@runtime_checkable
class Store(Protocol):
    """Files that can be read in parts. It can be pickled, forked, and used from several threads."""

    def where(self, name: str) -> str:
        """Path or address of a file."""
        ...

    def get(self, name: str) -> bytes:
        """A whole small file.

        Raises:
            FileError: it is not there, or cannot be read.
        """
        ...

    def read(self, name: str, start: int, length: int) -> bytes:
        """A part of a file.

        Raises:
            FileError: the file is not there, or cannot be read.
            SampleError: it ends before the part does.
        """
        ...

    def pieces(self, name: str) -> Iterator[bytes]:
        """A whole large file, piece by piece.

        Raises:
            FileError: it is not there, or cannot be read.
        """
        ...


class Folder:
    """A pack in a folder. Files in use are kept open, since opening is slow where a network lies between."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, _OpenFile] = {}  # the one used last comes last

    def __reduce__(self) -> tuple[type["Folder"], tuple[Path]]:
        """Open files stay behind."""
        return type(self), (self.folder,)

    def where(self, name: str) -> str:
        """Path of a file."""
        return str(self.folder / name)

    def get(self, name: str) -> bytes:
        """A whole small file."""
        return b"".join(self.pieces(name))

    def read(self, name: str, start: int, length: int) -> bytes:
        """A part of a file."""
        # each step is one of the dictionary: without a lock, which a fork could leave locked for ever
        file = self._open.pop(name, None) or _OpenFile(self.folder / name)
        self._open[name] = file
        for oldest in list(self._open)[:-_OPEN_FILES]:
            self._open.pop(oldest, None)  # closed as soon as no thread reads from it
        return file.read(start, length)

    def pieces(self, name: str) -> Iterator[bytes]:
        """A whole large file, piece by piece."""
        try:
            with (self.folder / name).open("rb") as stream:
                while piece := stream.read(_PIECE):
                    yield piece
        except OSError as error:
            raise _cannot(self.folder / name, error) from None


def read_part(file: Path, start: int, length: int) -> bytes:
    """A part of a file that is not kept open.

    Raises:
        FileNotFoundError: it is not there.
        SampleError: it ends before the part does.
    """
    with file.open("rb") as stream:
        _check_end(file, stream.fileno(), start + length)
        return os.pread(stream.fileno(), length, start)


class _OpenFile:
    """Read by place, so that processes forked from this one and threads in it can share it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._handle = os.open(file, os.O_RDONLY)
        except OSError as error:
            raise _cannot(file, error) from None

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            os.close(self._handle)

    def read(self, start: int, length: int) -> bytes:
        try:
            _check_end(self.file, self._handle, start + length)
            return os.pread(self._handle, length, start)
        except OSError as error:
            raise _cannot(self.file, error) from None


def _check_end(file: Path, handle: int, end: int) -> None:
    """Before memory is taken for what an index promises."""
    size = os.fstat(handle).st_size
    if size < end:
        raise SampleError(
            file, f"has {size} bytes, a sample goes on to byte {end}: truncated", do="copy the shard again"
        )


def _cannot(file: Path, error: OSError) -> FileError:
    if isinstance(error, FileNotFoundError):
        return FileError(file, "does not exist", do="is the pack whole? copy it again")
    return FileError(file, f"cannot be read ({error.strerror})", do="check the disk and the permissions")
