"""What answers: a checkpoint by PyTorch, or an ONNX file by onnxruntime, without PyTorch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, UInt8

from dias.masks.boxes import boxes_from_labels


@dataclass(frozen=True, kw_only=True)
class Objects:
    """The objects of one picture; k slots were kept.

    Attributes:
        labels: object of each pixel, 0 to k - 1.
        slots: one vector an object.
        slot_indices: number that each object's slot has in the model.
        areas: pixels of each object.
        boxes: x0, y0, x1, y1 as shares (0 to 1) of width and height, the last two exclusive.
    """

    labels: Int32[np.ndarray, "h w"]
    slots: Float32[np.ndarray, "k d"]
    slot_indices: Int64[np.ndarray, " k"]
    areas: Int64[np.ndarray, " k"]
    boxes: Float64[np.ndarray, "k 4"]


@runtime_checkable
class Engine(Protocol):
    """Finds the objects of pictures; called from one thread at a time."""

    @property
    def name(self) -> str:
        """The model's file."""
        ...

    def __call__(self, images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> list[Objects]:
        """Find them."""
        ...


def open_engine(
    path: Path, *, weights: str | None = None, device: str = "auto", threads: int | None = None
) -> Engine:
    """Load a model: by its name an ONNX file, else a checkpoint.

    Args:
        path: a file that `dias export onnx` wrote, a .safetensors file, or the folder of a run.
        weights: local path of the backbone's weights, for a checkpoint.
        device: likewise.
        threads: that onnxruntime computes with; as many as there are cores when None.

    Raises:
        DiasError: it cannot be loaded.
    """
    if path.suffix == ".onnx":
        return OnnxEngine(path, threads=threads)
    return CheckpointEngine(path, weights=weights, device=device)


class CheckpointEngine:
    """`dias segment`'s model."""

    def __init__(self, path: Path, *, weights: str | None, device: str) -> None:
        from dias.inference.segment import Segmenter
        from dias.inference.shortcuts import load

        self.name = path.name
        self._segmenter = Segmenter(load(path, weights=weights, device=device))

    def __call__(self, images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> list[Objects]:
        """Find the objects of pictures."""
        return [
            Objects(
                labels=found.labels,
                slots=found.slots,
                slot_indices=found.slot_indices,
                areas=found.areas,
                boxes=np.asarray(found.boxes, dtype=np.float64),
            )
            for found in self._segmenter(list(images))
        ]


class OnnxEngine:
    """`dias.runtime`'s model."""

    def __init__(self, path: Path, *, threads: int | None) -> None:
        from dias.runtime import Runtime

        self.name = path.name
        self._runtime = Runtime(path, threads=threads)

    def __call__(self, images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> list[Objects]:
        """Find the objects of pictures."""
        found = self._runtime(list(images))
        return [
            _objects(found.labels[place], found.slots[place], np.flatnonzero(found.kept[place]))
            for place in range(len(images))
        ]


def _objects(
    numbers: Int32[np.ndarray, "h w"], slots: Float32[np.ndarray, "n d"], kept: Int64[np.ndarray, " k"]
) -> Objects:
    """Kept slots, numbered from 0."""
    labels = np.searchsorted(kept, numbers).astype(np.int32)
    return Objects(
        labels=labels,
        slots=slots[kept],
        slot_indices=kept,
        areas=np.bincount(labels.ravel(), minlength=len(kept)).astype(np.int64),
        boxes=boxes_from_labels(labels + 1, len(kept)),
    )
