"""TFRecord files: records one after the other, any of them found without reading those before it.

A record is its length (8 bytes), a sum of these, its bytes, a sum of those; all numbers little-endian, the
sums masked CRC-32C. Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "Format details".
"""

import os
import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from dias.errors import SampleError

_LENGTH = struct.Struct("<Q")
_SUM = struct.Struct("<I")
_HEADER = _LENGTH.size + _SUM.size
_AROUND = _HEADER + _SUM.size  # bytes of a record that are not its own
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Record:
    """A record of an open file.

    Attributes:
        file: where it is.
        place: its number in the file, from 0.
        stream: the open file.
        start: place of its first byte in the file.
        stop: the place after its last byte.
    """

    file: Path
    place: int
    stream: BinaryIO
    start: int
    stop: int

    def read(self, start: int, stop: int) -> bytes:
        """Read some of its bytes, by their places in the file.

        Raises:
            SampleError: the file ends before them.
        """
        self.stream.seek(start)
        found = self.stream.read(stop - start)
        if len(found) < stop - start:
            raise self.fault("the file became shorter while it was read")
        return found

    def check(self) -> None:
        """Read the whole record, and compare it with its sum.

        Raises:
            SampleError: they do not agree.
        """
        found = 0
        for start in range(self.start, self.stop, _CHUNK):
            found = google_crc32c.extend(found, self.read(start, min(start + _CHUNK, self.stop)))
        if _SUM.unpack(self.read(self.stop, self.stop + _SUM.size))[0] != _masked(found):
            raise self.fault("is damaged: its bytes do not agree with their CRC-32C sum")

    def fault(self, problem: str) -> SampleError:
        """Name the record in an error."""
        return SampleError(self.file, f"record {self.place}: {problem}", do="download the file again")


class RecordFile:
    """A file of records. It is opened anew for every read, so threads and processes may share it.

    Args:
        file: where it is.
        count: how many records it should have; more are not looked for.
    """

    def __init__(self, file: Path, *, count: int) -> None:
        self.file = file
        self.count = count
        self._index: _Index | None = None

    @contextmanager
    def open(self, place: int) -> Iterator[Record]:
        """Open a record; its header is checked, its bytes are not (`Record.check`).

        The first call skips through the headers of the file and remembers where the records are.

        Raises:
            SampleError: the file cannot be read, or is damaged or cut short at this record or before it.
        """
        try:
            with self.file.open("rb") as stream:
                if self._index is None:
                    self._index = _index(stream, self.count)
                if place >= len(self._index.starts):
                    raise Record(self.file, place, stream, 0, 0).fault(self._index.end)
                header = self._index.starts[place]
                stop = _stop(stream, header, _size(stream))  # once more: the file may be another by now
                if isinstance(stop, str):
                    raise Record(self.file, place, stream, 0, 0).fault(stop)
                yield Record(self.file, place, stream, header + _HEADER, stop)
        except FileNotFoundError:
            raise SampleError(self.file, "does not exist", do="download it") from None
        except OSError as error:
            do = "check the path and the disk"
            raise SampleError(self.file, f"cannot be read ({error.strerror or error})", do=do) from None


@dataclass(frozen=True)
class _Index:
    """Where the headers of the whole records begin; and why there are no more."""

    starts: "array[int]"
    end: str


def _index(stream: BinaryIO, count: int) -> _Index:
    starts, at, size = array("Q"), 0, _size(stream)
    while len(starts) < count and at < size:
        stop = _stop(stream, at, size)
        if isinstance(stop, str):
            return _Index(starts, f"not to be found: of record {len(starts)}, {stop}")
        starts.append(at)
        at = stop + _SUM.size
    return _Index(starts, f"not to be found: the file has {len(starts)} records, expected {count}")


def _stop(stream: BinaryIO, header: int, size: int) -> int | str:
    """The place after the last byte of the record whose header is there; or what is wrong with it."""
    stream.seek(header)
    found = stream.read(_HEADER)
    if len(found) == _HEADER and _SUM.unpack(found[_LENGTH.size :])[0] != _masked_of(found[: _LENGTH.size]):
        return f"the length at byte {header:,} is damaged: it does not agree with its sum"
    length = _LENGTH.unpack(found[: _LENGTH.size])[0] if len(found) == _HEADER else 0
    if length > size - header - _AROUND:  # before anything of that length is asked for
        return f"the file is cut short: it begins at byte {header:,} of {size:,}, and does not end there"
    return int(header + _HEADER + length)


def _size(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size


def _masked_of(data: bytes) -> int:
    return _masked(google_crc32c.value(data))


def _masked(found: int) -> int:
    """Turned by 15 bits and moved on, as the format asks."""
    return ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF
