from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dias.data.formats.examples import Example
from dias.errors import SampleError
from miniatures.records import example, records_of, varint

_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
_integers = st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=5)
_floats = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5)
_strings = st.lists(st.binary(max_size=20), min_size=1, max_size=5)


@contextmanager
def opened(folder: Path, payload: bytes) -> Iterator[Example]:
    with records_of(folder / "a", [payload]).open(0) as record:
        yield Example(record)


def values(found: Example, name: str, kind: type) -> Any:
    if kind is bytes:
        return [found.read(span) for span in found.strings(name)]
    return list(found.integers(name, most=5) if kind is int else found.floats(name, most=5))


@_one_folder
@given(features=st.dictionaries(st.text(max_size=10), _integers | _floats | _strings), packed=st.booleans())
def test_what_was_written_is_read(tmp_path: Path, features: dict[str, Any], packed: bool) -> None:
    with opened(tmp_path, example(features, packed=packed)) as found:
        assert {name: values(found, name, type(each[0])) for name, each in features.items()} == features


@_one_folder
@given(
    payload=st.binary(max_size=60)
    | st.builds(
        lambda whole, cut, more: whole[:cut] + more,
        st.just(example({"video": [b"1234", b""], "x": [1, 2, 3], "y": [1.5]})),
        st.integers(0, 60),
        st.binary(max_size=20),
    )
)
def test_any_bytes_give_values_or_a_line(tmp_path: Path, payload: bytes) -> None:
    for name, kind in (("video", bytes), ("x", int), ("y", float)):
        with suppress(SampleError), opened(tmp_path, payload) as found:
            values(found, name, kind)


@pytest.mark.parametrize(
    ("features", "kind", "line"),
    [
        ({}, int, "has no feature 'x'"),
        ({"x": [1, 2, 3, 4, 5, 6]}, int, "'x' has more than 5 numbers"),
        ({"x": [1 << 62] * 1_000}, int, "'x' has more than 5 numbers"),
        ({"x": [1.0]}, int, "'x' has a float_list, expected a int64_list"),
        ({"x": [1]}, bytes, "'x' has numbers, expected byte strings"),
    ],
)
def test_another_feature_than_expected_is_told(
    tmp_path: Path, features: dict[str, Any], kind: type, line: str
) -> None:
    with opened(tmp_path, example(features)) as found, pytest.raises(SampleError, match=line):
        values(found, "x", kind)


def test_a_message_of_countless_fields_is_refused(tmp_path: Path) -> None:
    payload = bytes([0x0A]) + varint(40_000) + bytes([0x0A, 0]) * 20_000
    with pytest.raises(SampleError, match="more than 10,000 fields"), opened(tmp_path, payload):
        pass
