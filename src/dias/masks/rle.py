"""COCO's run-length encoding of a mask (cocodataset.org/#format-data)."""

from typing import TypedDict

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco


class RunLengths(TypedDict):
    """A mask as COCO stores it, ready for JSON: [height, width], and compressed run lengths."""

    size: list[int]
    counts: str


def encode(mask: Bool[np.ndarray, "h w"]) -> RunLengths:
    """Compress a mask."""
    found = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in found["size"]], "counts": found["counts"].decode("ascii")}


def decode(lengths: RunLengths) -> Bool[np.ndarray, "h w"]:
    """Give the mask back."""
    return np.asarray(coco.decode(dict(lengths)), dtype=np.bool_)
