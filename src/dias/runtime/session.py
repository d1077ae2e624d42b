"""Runs the file: pictures in; slots, which of them are kept, and label maps out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dias.errors import DiasError, FileError, how_to_install
from dias.runtime.resize import label_map, squeeze

FORMAT = "dias-onnx-1"
_TOLD = ("model", "backbone", "provenance", "notes", "threshold", "export", "exported_by")
_CPU = ("CPUExecutionProvider",)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The objects of some pictures; b pictures, n slots, m tokens.

    Attributes:
        slots: (b, n, d), one vector an object; rows that are not kept mean nothing.
        kept: (b, n), True = the slot is there.
        attention: (b, n, m), of the last round; or the decoder's, where the file was made so.
        labels: of each picture (h, w) at its own size: number of the slot, from 0 to n - 1.
    """

    slots: NDArray[np.float32]
    kept: NDArray[np.bool_]
    attention: NDArray[np.float32]
    labels: tuple[NDArray[np.int32], ...]


class Runtime:
    """A model out of an ONNX file that `dias export onnx` wrote.

    Pictures start from the queries that are stored in it, so what is found in one does not depend on its
    neighbours. Safe to call from several threads.

    Args:
        file: the model.
        threads: of one operation; as many as there are cores when None.
        providers: of onnxruntime, the preferred first, such as CUDAExecutionProvider.

    Attributes:
        settings: of the model, its backbone's hash, provenance, and what the export says: the values of
            `metadata_props`, read.
        size: side in pixels of the square that the model sees.
        grid: rows and columns of its tokens.

    Raises:
        DiasError: onnxruntime is not installed.
        FileError: there is no such file, it is damaged, or `dias export onnx` did not write it.
    """

    def __init__(
        self, file: str | Path, *, threads: int | None = None, providers: Sequence[str] = _CPU
    ) -> None:
        self.settings, self._session = _opened(Path(file), threads=threads, providers=providers)
        export = self.settings["export"]
        self.size = int(export["size"])
        self.grid = int(export["grid"][0]), int(export["grid"][1])
        self._map = "decoder_attention" if export["map"] == "decoder" else "attention"

    def __call__(self, images: Sequence[NDArray[Any]], *, batch: int = 16) -> Found:
        """Find the objects of pictures (h, w, 3), RGB from 0 to 255, of any sizes; `batch` at once.

        Raises:
            DiasError: there are none, or one is no such array.
        """
        if not len(images):
            raise DiasError("runtime: no pictures; give at least one array (height, width, 3)")
        squares = np.stack([squeeze(_checked(image, place), self.size) for place, image in enumerate(images)])
        parts = [self.tensors(squares[start : start + batch]) for start in range(0, len(squares), batch)]
        slots, kept, attention = (np.concatenate(values) for values in zip(*parts, strict=True))
        labels = tuple(
            label_map(attention[place], grid=self.grid, size=image.shape[:2], kept=kept[place])
            for place, image in enumerate(images)
        )
        return Found(slots=slots, kept=kept, attention=attention, labels=labels)

    def tensors(
        self, squares: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
        """Slots, kept slots and attention of pictures (b, s, s, 3) that are of the model's size already."""
        given = {"images": np.ascontiguousarray(squares.transpose(0, 3, 1, 2))}
        slots, kept, attention = self._session.run(["slots", "kept", self._map], given)
        return slots, kept, attention


def _opened(file: Path, *, threads: int | None, providers: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """What a file says of itself, and its session."""
    try:
        import onnxruntime as ort
    except ImportError:
        raise DiasError(f"runtime: onnxruntime is not installed; run: {how_to_install('onnx')}") from None
    if not file.is_file():
        raise FileError(file, "does not exist", do="give a file that `dias export onnx` wrote")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = ort.InferenceSession(str(file), options, providers=list(providers))
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise FileError(
            file, f"is no ONNX model that can be run ({_first_line(error)})", do="export it again"
        ) from None
    stored = session.get_modelmeta().custom_metadata_map
    if stored.get("format") != FORMAT:
        raise FileError(
            file,
            f"has format {stored.get('format')!r}, expected {FORMAT!r}",
            do="give a file that `dias export onnx` wrote",
        )
    try:
        return {name: json.loads(stored[name]) for name in _TOLD}, session  # others' entries are theirs
    except (KeyError, json.JSONDecodeError) as error:
        raise FileError(file, f"has a damaged header ({error})", do="export it again") from None


def _checked(image: NDArray[Any], place: int) -> NDArray[np.uint8]:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 1:
        raise DiasError(
            f"picture {place}: an array of {image.dtype} {image.shape}; give uint8 (height, width, 3), RGB"
        )
    return image


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
