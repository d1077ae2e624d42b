"""What the page draws, ready for JSON: pictures, run lengths of labels, similarities, trees."""

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int32
from PIL import Image

from dias.data.transforms import View
from dias.inference.looking import Seen, winners
from dias.viz import colours
from dias.web.finder import FrameObjects
from dias.web.looking import Looked, Shown

STAGES = ("first iteration", "last, nothing merged", "final")


def view(looked: Looked, found: list[FrameObjects]) -> dict[str, Any]:
    """All that the page's script is given; labels are of the small pictures.

    Returns:
        Name, colours of slots, and for each frame: the picture as a data URL, width and height, three stages
        (title, labels as (slot, length) pairs row after row, share of pixels and similarity of each slot to
        each, null where there is none), the tree, its cut, and which slots are kept.
    """
    slots = len(found[0].kept)
    return {
        "name": looked.name,
        "clip": looked.of_clip,
        "colours": ["#" + bytes(colour.tolist()).hex() for colour in colours(slots)],
        "frames": [_frame(shown, objects) for shown, objects in zip(looked.frames, found, strict=True)],
    }


def stages_of(seen: Seen, objects: FrameObjects) -> tuple[Int32[np.ndarray, "h w"], ...]:
    """Slot of each pixel after the first iteration, after the last one, and finally."""
    kept = np.flatnonzero(objects.kept).astype(np.int32)
    first, last = (winners(maps, seen, grid=objects.grid) for maps in (objects.first, objects.last))
    return first, last, kept[winners(objects.final[objects.kept], seen, grid=objects.grid)]


def small(shown: Shown) -> Seen:
    """The same as if the small picture had been the visitor's."""
    height, width = shown.picture.shape[:2]
    view = View(box=(0, 0, width, height), flip=False, size=shown.seen.view.size)
    return replace(shown.seen, size=(height, width), view=view)


def similarity(vectors: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n n"]:
    """Cosine of each to each, -1 to 1."""
    precise = vectors.astype(np.float64)
    length = np.maximum(np.linalg.norm(precise, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    unit = precise / length
    cosines: Float64[np.ndarray, "n n"] = np.clip(unit @ unit.T, -1, 1)
    return cosines


def _frame(shown: Shown, objects: FrameObjects) -> dict[str, Any]:
    height, width = shown.picture.shape[:2]
    every = np.ones_like(objects.kept)
    before = objects.slots if objects.before is None else objects.before
    labels = stages_of(small(shown), objects)
    vectors, there = (before, before, objects.slots), (every, every, objects.kept)
    tree = objects.tree
    return {
        "time": round(shown.time, 3),
        "picture": _jpeg(shown.picture),
        "width": width,
        "height": height,
        "stages": [
            _stage(title, labels[place], vectors[place], there[place]) for place, title in enumerate(STAGES)
        ],
        "kept": np.flatnonzero(objects.kept).tolist(),
        "tree": tree
        and {
            "merges": [[one, other, round(height, 5)] for one, other, height in tree.merges],
            "slots": tree.slots,
            "cut": tree.cut,
            "threshold": tree.threshold,
        },
    }


def _stage(
    title: str, labels: Int32[np.ndarray, "h w"], vectors: np.ndarray, there: np.ndarray
) -> dict[str, Any]:
    cosines = similarity(vectors).round(4).tolist()
    area = np.bincount(labels.ravel(), minlength=len(there)) / labels.size
    return {
        "title": title,
        "runs": _runs(labels),
        "area": [round(float(share), 5) for share in area],
        "similarity": [
            [cosine if there[one] and there[other] else None for other, cosine in enumerate(row)]
            for one, row in enumerate(cosines)
        ],
    }


def _runs(labels: Int32[np.ndarray, "h w"]) -> list[int]:
    """Label and length of each run of equal labels, row after row."""
    flat = labels.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.append(starts, len(flat)))
    pairs: list[int] = np.stack([flat[starts], lengths], axis=1).ravel().tolist()
    return pairs


def _jpeg(picture: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
