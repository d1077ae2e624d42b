"""JSON is read as what is declared; every fault says where it is."""

from pathlib import Path

import msgspec
import pytest

from dias.data.formats.json_file import read_json
from dias.errors import FileError


class Picture(msgspec.Struct):
    id: int
    file_name: str


class Listing(msgspec.Struct):
    images: list[Picture]


def written(folder: Path, text: bytes) -> Path:
    file = folder / "annotations.json"
    file.write_bytes(text)
    return file


def test_what_is_not_declared_is_passed_over(tmp_path: Path) -> None:
    file = written(tmp_path, b'{"info": {}, "images": [{"id": 3, "file_name": "a.jpg", "width": 640}]}')
    assert read_json(file, Listing) == Listing(images=[Picture(id=3, file_name="a.jpg")])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            b'{"images": [{"id": "3", "file_name": "a"}]}',
            r"Expected `int`, got `str` - at `\$\.images\[0\]\.id`",
        ),
        (b'{"images": [{"id": 3}]}', r"missing required field `file_name`"),
        (b"[]", r"Expected `object`, got `array`"),
        (b'{"images": [', r"is no JSON, or cut short"),
        (b"", r"is no JSON, or cut short"),
        (b'{"images": [{"id": 3, "file_name": "\xff"}]}', r"is no JSON, or cut short"),
        (b"[" * 100_000, r"annotations\.json: "),
    ],
)
def test_faults_say_where(tmp_path: Path, text: bytes, says: str) -> None:
    with pytest.raises(FileError, match=says):
        read_json(written(tmp_path, text), Listing)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.json: does not exist"):
        read_json(tmp_path / "none.json", Listing)
    with pytest.raises(FileError, match="cannot be read"):
        read_json(tmp_path, Listing)
