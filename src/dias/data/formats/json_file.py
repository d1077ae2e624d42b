"""JSON whose shape is declared: decoded fast and in little memory, and every fault named by its place."""

from pathlib import Path
from typing import TypeVar

import msgspec

from dias.errors import FileError

T = TypeVar("T")


def read_json(file: Path, kind: type[T]) -> T:
    """Read a JSON file as `kind`, such as a `msgspec.Struct`; keys that it does not name are passed over.

    Raises:
        FileError: the file cannot be read, is no JSON, or has not the shape of `kind`; says where.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        raise FileError(file, "does not exist", do="check the path") from None
    except OSError as error:
        raise FileError(file, f"cannot be read ({error.strerror})", do="check the path") from None
    except msgspec.ValidationError as error:
        raise FileError(file, f"has not the expected shape: {error}", do="download it again") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(file, f"is no JSON, or cut short ({error})", do="download it again") from None
