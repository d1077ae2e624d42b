import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dias.data.formats.records import RecordFile
from dias.errors import SampleError
from miniatures.records import header, record, records_of

_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
_payloads = st.lists(st.binary(max_size=50), min_size=1, max_size=5)


def read(records: RecordFile, place: int) -> bytes:
    with records.open(place) as found:
        found.check()
        return found.read(found.start, found.stop)


@_one_folder
@given(payloads=_payloads, data=st.data())
def test_any_record_is_found(tmp_path: Path, payloads: list[bytes], data: st.DataObject) -> None:
    records = records_of(tmp_path / "a", payloads)
    for place in data.draw(st.permutations(range(len(payloads)))):
        assert read(records, place) == payloads[place]


@_one_folder
@given(payloads=_payloads, data=st.data())
def test_every_flipped_bit_is_seen(tmp_path: Path, payloads: list[bytes], data: st.DataObject) -> None:
    records = records_of(tmp_path / "a", payloads)
    damaged = bytearray(records.file.read_bytes())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    records.file.write_bytes(damaged)
    with pytest.raises(SampleError, match="record"):
        [read(records, place) for place in range(len(payloads))]


@_one_folder
@given(payloads=_payloads, data=st.data())
def test_records_before_the_cut_are_still_there(
    tmp_path: Path, payloads: list[bytes], data: st.DataObject
) -> None:
    records = records_of(tmp_path / "a", payloads)
    cut = data.draw(st.integers(0, records.file.stat().st_size - 1))
    os.truncate(records.file, cut)
    whole = sum(len(b"".join(map(record, payloads[:n]))) <= cut for n in range(1, len(payloads) + 1))
    for place in range(len(payloads)):
        if place < whole:
            assert read(records, place) == payloads[place]
        else:
            with pytest.raises(SampleError, match=f"a: record {place}: .*(cut short|has {whole} records)"):
                read(records, place)


def test_the_way_to_a_record_does_not_read_the_others(tmp_path: Path) -> None:
    file, far = tmp_path / "a", 1 << 40
    with file.open("wb") as stream:  # a terabyte that takes no space
        stream.write(header(far))
        stream.seek(far + 4, os.SEEK_CUR)
        stream.write(record(b"behind it"))
    assert read(RecordFile(file, count=2), 1) == b"behind it"


@pytest.mark.parametrize("length", [6, 1 << 40, (1 << 64) - 1])
def test_a_length_that_leads_out_of_the_file_is_refused(tmp_path: Path, length: int) -> None:
    file = tmp_path / "a"
    file.write_bytes(record(b"one") + header(length) + b"short" + bytes(4))
    with pytest.raises(SampleError, match=r"record 1: .*byte 19 of 40.*download"):
        read(RecordFile(file, count=2), 1)


def test_a_file_that_changes_under_its_index_is_seen(tmp_path: Path) -> None:
    records = records_of(tmp_path / "a", [b"one", b"two"])
    assert read(records, 1) == b"two"
    records.file.write_bytes(record(b"another"))
    with pytest.raises(SampleError, match="record 1"):
        read(records, 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="a: does not exist; download it"):
        read(RecordFile(tmp_path / "a", count=1), 0)
