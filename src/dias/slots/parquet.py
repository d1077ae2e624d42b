"""The one door to pyarrow, which comes with an extra."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from dias.errors import DiasError, how_to_install


@dataclass(frozen=True)
class Parquet:
    """The parts of pyarrow that are used."""

    pa: Any
    pq: Any


@cache
def parquet() -> Parquet:
    """Pyarrow, if it is installed.

    Raises:
        DiasError: it is not; says how to install it.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DiasError(f"slot files need pyarrow: {how_to_install('slots')}") from None
    return Parquet(pyarrow, pyarrow.parquet)
