"""What is said, as JSON."""

import base64
from typing import Literal

import numpy as np
from pydantic import BaseModel

from dias.masks.rle import encode
from dias.serving.engine import Objects

MaskFormat = Literal["rle", "png"]


class Mask(BaseModel):
    """COCO's compressed run lengths."""

    size: tuple[int, int]
    counts: str


class FoundObject(BaseModel):
    """One object: its slot's number, pixels, box (x0, y0, x1, y1 in pixels, the last two exclusive)."""

    slot: int
    area: int
    box: tuple[int, int, int, int]
    mask: Mask | None = None
    vector: list[float] | None = None


class FoundPicture(BaseModel):
    """One picture; with `masks=png`, `labels` is a PNG in base64: the object of each pixel, from 0."""

    height: int
    width: int
    objects: list[FoundObject]
    labels: str | None = None


class Answer(BaseModel):
    """Pictures in the order in which they came."""

    model: str
    pictures: list[FoundPicture]


class State(BaseModel):
    """How the server is."""

    status: str


class Problem(BaseModel):
    """What is wrong with a request, in one line."""

    detail: str


def answer_of(found: Objects, *, masks: MaskFormat, slots: bool) -> FoundPicture:
    """One picture's answer."""
    height, width = found.labels.shape
    boxes = np.rint(found.boxes * [width, height, width, height]).astype(int)
    objects = [
        FoundObject(
            slot=int(found.slot_indices[place]),
            area=int(found.areas[place]),
            box=tuple(boxes[place].tolist()),
            mask=Mask.model_validate(encode(found.labels == place)) if masks == "rle" else None,
            vector=found.slots[place].astype(float).tolist() if slots else None,
        )
        for place in range(len(found.slots))
    ]
    labels = base64.b64encode(_png(found.labels)).decode() if masks == "png" else None
    return FoundPicture(height=height, width=width, objects=objects, labels=labels)


def _png(labels: np.ndarray) -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(labels.astype(np.uint8 if labels.max() < 256 else np.uint16)).save(stream, "PNG")
    return stream.getvalue()
