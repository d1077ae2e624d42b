"""What a visitor takes home: index masks as PNG, run lengths as COCO's JSON, slots as .npz."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from dias.inference.looking import winners
from dias.inference.saving import mask_png
from dias.inference.segment import Segmentation
from dias.interop.coco_json import CocoWriter
from dias.masks.boxes import boxes_from_labels
from dias.provenance import record
from dias.web.finder import FrameObjects
from dias.web.looking import Looked, Shown


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file that only the visitor's browser ever has."""

    name: str
    kind: str
    content: bytes


def masks_png(looked: Looked, found: list[FrameObjects]) -> Download:
    """Object of each pixel, at the picture's own size, as `dias segment` has it; of a clip, a ZIP."""
    files = [mask_png(one) for one in _segmentations(looked, found)]
    if not looked.of_clip:
        return Download(name=f"{_stem(looked)}.mask.png", kind="image/png", content=files[0])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, file in enumerate(files):
            archive.writestr(f"{number:04d}.mask.png", file)
    return Download(name=f"{_stem(looked)}.masks.zip", kind="application/zip", content=stream.getvalue())


def masks_json(looked: Looked, found: list[FrameObjects]) -> Download:
    """Run lengths of each object, in COCO's format; frames of a clip are its pictures, in order."""
    stream = io.StringIO()
    writer = CocoWriter(stream)
    for one in _segmentations(looked, found):
        writer.add(
            one.name, labels=one.labels, slot_indices=one.slot_indices, areas=one.areas, boxes=one.boxes
        )
    writer.close(record().to_dict())
    name = f"{_stem(looked)}.masks.json"
    return Download(name=name, kind="application/json", content=stream.getvalue().encode())


def slots_npz(looked: Looked, found: list[FrameObjects]) -> Download:
    """`slots` (frames, n, d), `kept` (frames, n), `times` (frames); what is not kept means nothing."""
    stream = io.BytesIO()
    np.savez(
        stream,
        slots=np.stack([one.slots for one in found]),
        kept=np.stack([one.kept for one in found]),
        times=np.array([one.time for one in looked.frames]),
    )
    name = f"{_stem(looked)}.slots.npz"
    return Download(name=name, kind="application/octet-stream", content=stream.getvalue())


DOWNLOADS: tuple[tuple[str, Callable[[Looked, list[FrameObjects]], Download]], ...] = (
    ("Masks (PNG)", masks_png),
    ("Masks (run lengths, JSON)", masks_json),
    ("Slots (.npz)", slots_npz),
)


def _segmentations(looked: Looked, found: list[FrameObjects]) -> list[Segmentation]:
    return [
        _segmentation(f"{looked.name} {number:04d}" if looked.of_clip else looked.name, shown, objects)
        for number, (shown, objects) in enumerate(zip(looked.frames, found, strict=True))
    ]


def _segmentation(name: str, shown: Shown, objects: FrameObjects) -> Segmentation:
    """The final masks at the picture's own size."""
    indices = np.flatnonzero(objects.kept)
    labels = winners(objects.final[objects.kept], shown.seen, grid=objects.grid)
    return Segmentation(
        name=name,
        labels=labels,
        slots=objects.slots[indices],
        slot_indices=indices,
        attention=objects.final[objects.kept].numpy(),
        grid=objects.grid,
        areas=np.array([np.count_nonzero(labels == one) for one in range(len(indices))], dtype=np.int64),
        boxes=boxes_from_labels(labels + 1, len(indices)),
        coverage=shown.seen.view.box,
    )


def _stem(looked: Looked) -> str:
    """Of the visitor's file, without what a file's name may not have."""
    stem = PurePath(looked.name).stem
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in stem).strip(".")
    return kept[:80] or "picture"
