"""`tf.train.Example`, of which only what is wanted is read: named lists of bytes, floats or integers.

A record of a video has tens of megabytes, one frame of it a tenth of one. So the outer levels of the protobuf
message are walked in the file, from length to length; what is wanted is read, and numbers are decoded by
Google's library. Source: tensorflow/core/example/{example,feature}.proto (the field numbers below).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from jaxtyping import Float32, Int64

from dias.data.formats.records import Record

_LISTS = ("bytes_list", "float_list", "int64_list")  # fields 1, 2, 3 of a Feature
_MOST_PARTS = 10_000  # of one message; each would be remembered
_LONGEST_NAME = 1_000  # bytes
_LONGEST_NUMBER = 10  # bytes that a number takes at most
_LARGEST_FIELD = 1 << 29


@dataclass(frozen=True)
class Span:
    """Bytes of a file: from `start`, up to `stop` without it."""

    start: int
    stop: int


class Example:
    """What a record names; nothing of it is read before it is asked for.

    Raises:
        SampleError: the record is no such message.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self._features: dict[str, Span] = {}
        for features in _inner(record, Span(record.start, record.stop)):
            for entry in _inner(record, features):
                name, value = _entry(record, entry)
                self._features[name] = value

    def strings(self, name: str) -> list[Span]:
        """Where the byte strings of a feature are.

        Raises:
            SampleError: there is no such feature, or it has numbers.
        """
        found: list[Span] = []
        for field, values in _fields(self.record, self._feature(name)):
            if field != 1:
                raise self.record.fault(f"feature {name!r} has numbers, expected byte strings")
            found = list(_inner(self.record, values))
        return found

    def read(self, span: Span) -> bytes:
        """One of the strings.

        Raises:
            SampleError: the file became shorter.
        """
        return self.record.read(span.start, span.stop)

    def integers(self, name: str, *, most: int) -> Int64[np.ndarray, " n"]:
        """The integers of a feature.

        Args:
            name: of the feature.
            most: how many there may be; a longer feature is not read.

        Raises:
            SampleError: there is no such feature, it has something else, is damaged, or too long.
        """
        return np.array(self._numbers(name, "int64_list", most), dtype=np.int64)

    def floats(self, name: str, *, most: int) -> Float32[np.ndarray, " n"]:
        """The floats of a feature, as `integers`.

        Raises:
            SampleError: as `integers`.
        """
        return np.array(self._numbers(name, "float_list", most), dtype=np.float32)

    def _feature(self, name: str) -> Span:
        if name not in self._features:
            raise self.record.fault(f"has no feature {name!r}")
        return self._features[name]

    def _numbers(self, name: str, kind: str, most: int) -> Any:
        feature, fault = self._feature(name), self.record.fault
        too_long = fault(f"feature {name!r} has more than {most:,} numbers")
        # An unpacked number has a tag of its own; the lists' headers are small.
        if feature.stop - feature.start > (most + 4) * (_LONGEST_NUMBER + 1):
            raise too_long
        try:
            message = _FEATURE.FromString(self.read(feature))
        except DecodeError:
            raise fault(f"feature {name!r} is damaged: no protobuf message") from None
        found = message.WhichOneof("kind")
        if found not in (kind, None):  # a list without values may be left out
            raise fault(f"feature {name!r} has a {found}, expected a {kind}")
        values = getattr(message, kind).value
        if len(values) > most:
            raise too_long
        return values


def _entry(record: Record, entry: Span) -> tuple[str, Span]:
    """Of a map's entry, field 1 is the key, field 2 the value; both may be missing, and are empty then."""
    name, value = b"", Span(entry.stop, entry.stop)
    for field, span in _fields(record, entry):
        if field == 1:
            name = record.read(span.start, min(span.stop, span.start + _LONGEST_NAME))
        elif field == 2:
            value = span
    return name.decode(errors="backslashreplace"), value


def _inner(record: Record, message: Span) -> Iterator[Span]:
    """The values of field 1: what Example, Features, and BytesList have is there."""
    return (span for field, span in _fields(record, message) if field == 1)


def _fields(record: Record, message: Span) -> Iterator[tuple[int, Span]]:
    """Number and place of each field that has a length; others are passed over.

    Source: https://protobuf.dev/programming-guides/encoding
    """
    at = message.start
    for _ in range(_MOST_PARTS):
        if at >= message.stop:
            return
        head = record.read(at, min(at + 2 * _LONGEST_NUMBER, message.stop))
        tag, used = _number(record, head, 0)
        field, kind = tag >> 3, tag & 7
        if kind == 2:
            length, used = _number(record, head, used)
            span = Span(at + used, at + used + length)
        elif kind == 0:
            span = Span(at, at + _number(record, head, used)[1])
        elif kind in (1, 5):
            span = Span(at, at + used + (8 if kind == 1 else 4))
        else:
            raise record.fault(
                f"is no protobuf message: byte {at:,} of the file begins a field of kind {kind}"
            )
        if span.stop > message.stop or not 0 < field < _LARGEST_FIELD:
            raise record.fault(
                f"is no protobuf message: the field at byte {at:,} of the file leads out of it"
            )
        if kind == 2:
            yield field, span
        at = span.stop
    raise record.fault(f"has a message of more than {_MOST_PARTS:,} fields")


def _number(record: Record, data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, the eighth saying that more follow; and where it ends."""
    value = 0
    for place in range(at, min(at + _LONGEST_NUMBER, len(data))):
        value |= (data[place] & 127) << 7 * (place - at)
        if data[place] < 128:
            return value, place + 1
    raise record.fault("is no protobuf message: a number does not end")


def _feature_class() -> Any:
    """Build the class of `Feature` messages, in a pool of its own: nothing else shall be changed by it."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="dias/feature.proto", package="dias", syntax="proto3")
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(
        zip(_LISTS, (kinds.TYPE_BYTES, kinds.TYPE_FLOAT, kinds.TYPE_INT64), strict=True), start=1
    ):
        values = file.message_type.add(name=name)
        values.field.add(name="value", number=1, type=kind, label=kinds.LABEL_REPEATED)
        feature.field.add(
            name=name,
            number=number,
            type=kinds.TYPE_MESSAGE,
            type_name=f".dias.{name}",
            label=kinds.LABEL_OPTIONAL,
            oneof_index=0,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("dias.Feature"))


_FEATURE = _feature_class()
