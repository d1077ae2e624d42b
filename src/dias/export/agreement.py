"""How far an ONNX file is from PyTorch, on random pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from dias.export.graph import Graph
from dias.runtime import Runtime

_BATCHES = (1, 3)  # of two sizes: the batch is dynamic
_SQUARES = 6  # a side


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """PyTorch against the file.

    Attributes:
        difference: the largest of slots that are kept and of attention; infinite where other slots are kept.
        changed: share (0 to 1) of tokens whose strongest slot is another.
        pictures: that were compared.
    """

    difference: float
    changed: float
    pictures: int


@torch.no_grad()
def agreement(graph: Graph, file: Path, *, seed: int = 0) -> Agreement:
    """Compare on random pictures: coloured squares under noise, in batches of two sizes.

    Args:
        graph: in float32.
        file: what was exported.
        seed: of the pictures.
    """
    runtime, rng = Runtime(file, threads=torch.get_num_threads()), np.random.default_rng(seed)
    largest, changed = 0.0, list[float]()
    for batch in _BATCHES:
        squares = _pictures(batch, graph.size, rng)
        given = graph(torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous())
        slots, kept, attention = (value.numpy() for value in (given[0], given[1], given[-1]))
        found = runtime.tensors(squares)
        same = np.array_equal(kept, found[1])
        gap = max(np.abs(slots - found[0])[kept].max(), np.abs(attention - found[2]).max())
        largest = max(largest, float(gap)) if same and np.isfinite(gap) else np.inf
        changed.append(float((attention.argmax(axis=1) != found[2].argmax(axis=1)).mean(axis=1).sum()))
    pictures = sum(_BATCHES)
    return Agreement(difference=largest, changed=sum(changed) / pictures, pictures=pictures)


def _pictures(count: int, size: int, rng: np.random.Generator) -> UInt8[np.ndarray, "b s s 3"]:
    colours = rng.integers(0, 256, (count, _SQUARES, _SQUARES, 3))
    places = np.arange(size) * _SQUARES // size
    noise = rng.integers(-20, 21, (count, size, size, 3))
    mixed = np.clip(colours[:, places][:, :, places] + noise, 0, 255)
    return np.asarray(mixed, dtype=np.uint8)
