import errno
import json
import os
from pathlib import Path
from typing import IO

import pytest

from dias.errors import FileError
from dias.files import atomic, check_writable, sha256, write_atomic, write_json


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    write_json(file, {"a": 1})

    def fill(stream: IO[bytes]) -> None:
        stream.write(b"half of")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(
        FileError, match=r"result\.json: could not be written \(No space left on device\); free space"
    ):
        write_atomic(file, fill)
    assert json.loads(file.read_text()) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]  # no half file stays behind


def test_a_really_full_disk(tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    file = tmp_path / "kept"
    file.write_text("old")
    with (
        pytest.raises(FileError, match="No space left"),
        atomic(file),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"new")
    assert file.read_text() == "old"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"file/inner\.json: could not be written"):
        write_json(tmp_path / "file" / "inner.json", 1)


def test_nan_becomes_null(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": [float("nan"), 1.5]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": [None, 1.5]}


def test_sha256_is_the_standard_one(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"result\.json: cannot be written \(.*; choose another folder"):
        check_writable(tmp_path / "file" / "result.json")
    with pytest.raises(FileError, match="is a folder; give the name of a file"):
        check_writable(tmp_path)
    check_writable(tmp_path / "new" / "result.json")
    assert list((tmp_path / "new").iterdir()) == []
