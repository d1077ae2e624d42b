"""JSON whose shape is declared: decoded fast and in little memory, and every fault named by its place."""

from pathlib import Path
from typing import TypeVar

import msgspec

from dias.errors import FileError

T = TypeVar("T")


def read_json(file: Path, kind: type[T], *, do: str = "download it again") -> T:
    """Read a JSON file as `kind`, such as a `msgspec.Struct`; keys that it does not name are passed over.

    `do` tells what mends a damaged file.

    Raises:
        FileError: the file cannot be read, is no JSON, or has not the shape of `kind`; says where.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise FileError(file, "does not exist", do="check the path") from None
    except OSError as error:
        raise FileError(file, f"cannot be read ({error.strerror})", do="check the path") from None
    return parse_json(content, kind, named=file, do=do)


def parse_json(content: bytes, kind: type[T], *, named: Path | str, do: str = "download it again") -> T:
    """As `read_json`, of a file's bytes; `named` says in errors where they come from.

    Raises:
        FileError: they are no JSON, or have not the shape of `kind`; says where.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise FileError(named, f"has not the expected shape: {error}", do=do) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(named, f"is no JSON, or cut short ({error})", do=do) from None
