"""An .npz file whose arrays grow row by row, in a memory that does not."""

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Shaped


class GrowingNpz:
    """Keeps rows in files beside the result until their number is known, as the format states it first.

    Args:
        beside: folder of those files; they have no name, and are gone when the process is.
    """

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self._rows: dict[str, IO[bytes]] = {}
        self._kinds: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        self._count = 0

    def add(self, row: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
        """Add a row to every array; kind and shape are the same each time."""
        for name, values in row.items():
            if name not in self._rows:
                self._rows[name] = tempfile.TemporaryFile(dir=self._beside)  # noqa: SIM115
                self._kinds[name] = (values.dtype, values.shape)
            assert self._kinds[name] == (values.dtype, values.shape), name
            self._rows[name].write(values.tobytes())
        self._count += 1

    def write(self, stream: IO[bytes]) -> None:
        """Put the arrays together; nothing can be added afterwards."""
        with zipfile.ZipFile(stream, "w", allowZip64=True) as archive:
            for name, rows in self._rows.items():
                kind, shape = self._kinds[name]
                header = {
                    "descr": np.lib.format.dtype_to_descr(kind),
                    "fortran_order": False,
                    "shape": (self._count, *shape),
                }
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array_header_1_0(entry, header)
                    rows.seek(0)
                    shutil.copyfileobj(rows, entry, 1 << 20)

    def close(self) -> None:
        """Let the files beside go."""
        for rows in self._rows.values():
            rows.close()
