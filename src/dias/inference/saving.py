"""Segments of many pictures as files: overlay, index mask and slots of each, one COCO file for all."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias.data.samples import ImageSource, Skipped, picture_of
from dias.errors import DiasError, FileError
from dias.files import atomic
from dias.inference.looking import UNSEEN
from dias.inference.segment import Segmentation, Segmenter
from dias.inference.writers import Writers
from dias.interop.coco_json import CocoWriter
from dias.provenance import record
from dias.viz import colours, overlay, panels, png


@dataclass(frozen=True, kw_only=True)
class Saved:
    """How many pictures were segmented, and which could not be."""

    pictures: int
    skipped: tuple[Skipped, ...]


def save_segmentations(
    segmenter: Segmenter,
    source: ImageSource,
    out: Path,
    *,
    compare: bool = False,
    on_picture: Callable[[str], None] = lambda name: None,
) -> Saved:
    """Segment every picture of `source` and write the results below `out`.

    For a picture `a/b.jpg`: `a/b.overlay.png`; `a/b.mask.png`, object of each pixel from 0, in 8 bits with
    colours (255: not seen) or, from 256 objects on, 16 bits (65535: not seen); `a/b.slots.npz` with slots,
    slot_indices, boxes, areas; with `compare`, `a/b.compare.png`. All together: `segments.json`, in COCO's
    format, which is replaced only when all is done. Nothing is written outside `out`, whatever the names are.

    Args:
        segmenter: finds the objects.
        source: the pictures.
        out: folder for the results.
        compare: also show how the masks came about.
        on_picture: called with the name of each picture that is done or skipped.

    Raises:
        DiasError: no picture could be read.
        FileError: a result cannot be written, as on a full disk.
    """
    names, skipped, done = output_names(source), [], 0
    on_cpu = segmenter.queries.device.type == "cpu"
    with _coco(out / "segments.json") as coco, Writers(turn=segmenter.batch if on_cpu else None) as write:
        for index, item in enumerate(segmenter.stream(source, compare=compare)):
            if isinstance(item, Skipped):
                skipped.append(item)
            else:
                coco.add(
                    item.name,
                    labels=item.labels,
                    slot_indices=item.slot_indices,
                    areas=item.areas,
                    boxes=item.boxes,
                )
                write(partial(_save, item, source, index, out / names[index]), pixels=item.labels.size)
                done += 1
            on_picture(item.name)
        if not done:
            why = f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""
            raise DiasError(f"no picture could be segmented: {len(skipped)} of {len(source)} skipped{why}")
    return Saved(pictures=done, skipped=tuple(skipped))


def output_names(source: ImageSource) -> list[str]:
    """Where each picture's results go below the output folder, without the ending; no two are the same.

    Folders are kept, `..` and roots are dropped; `a.jpg` becomes `a`, beside an `a.png` it stays `a.jpg`.
    """
    inside = [_inside(source.name(index)) for index in range(len(source))]
    short = [str(name.with_suffix("")) for name in inside]
    several = {name for name, count in _counts(short).items() if count > 1}
    taken: set[str] = set()
    result = []
    for name, stem in zip(inside, short, strict=True):
        wanted = str(name) if stem in several else stem
        chosen, number = wanted, 1
        while chosen in taken:
            number += 1
            chosen = f"{wanted}-{number}"
        taken.add(chosen)
        result.append(chosen)
    return result


def _inside(name: str) -> PurePosixPath:
    parts = [part.replace(":", "_").replace("\0", "_") for part in name.replace("\\", "/").split("/")]
    kept = [part for part in parts if part not in ("", ".", "..")]
    return PurePosixPath(*kept) if kept else PurePosixPath("picture")


def _counts(names: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


@contextmanager
def _coco(file: Path) -> Iterator[CocoWriter]:
    with atomic(file) as part, part.open("w", encoding="utf-8") as stream:
        writer = CocoWriter(stream)
        yield writer
        writer.close(record().to_dict())


def _save(found: Segmentation, source: ImageSource, index: int, place: Path) -> None:
    # Read once more: keeping it would hold a batch of large pictures in memory.
    image = picture_of(source, index).image
    _write(place, ".overlay.png", png(overlay(image, found.labels, palette=_own_colours(found))))
    _write(place, ".mask.png", mask_png(found))
    slots = io.BytesIO()
    np.savez(slots, slots=found.slots, slot_indices=found.slot_indices, boxes=found.boxes, areas=found.areas)
    _write(place, ".slots.npz", slots.getvalue())
    if found.stages is not None:
        _write(place, ".compare.png", png(comparison(image, found)))


def comparison(image: UInt8[np.ndarray, "h w 3"], found: Segmentation) -> UInt8[np.ndarray, "H W 3"]:
    """The picture, the first iteration, the last without reduction, and the final masks, side by side."""
    assert found.stages is not None
    stages = (found.stages.first, found.stages.last, found.stages.final)
    highest = max(int(labels.max()) for labels in stages)
    drawn = [overlay(image, labels, palette=colours(highest + 1)) for labels in stages]
    titles = ["picture", "first iteration", "last, not reduced", f"final: {len(found.slots)} kept"]
    return panels([image, *drawn], titles=titles)


def mask_png(found: Segmentation) -> bytes:
    """PNG of each pixel's object: 8 bits and colours (255: not seen); from 256 objects on 16 bits (65535)."""
    if len(found.slots) <= 255:
        return png(
            np.where(found.labels == UNSEEN, 255, found.labels).astype(np.uint8), palette=_own_colours(found)
        )
    stream = io.BytesIO()
    wide = np.where(found.labels == UNSEEN, 65535, found.labels).astype(np.uint16)
    Image.fromarray(wide).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def _own_colours(found: Segmentation) -> UInt8[np.ndarray, "k 3"]:
    """A colour an object: that of its slot, so that it is the same before and after renumbering."""
    chosen: UInt8[np.ndarray, "k 3"] = colours(int(found.slot_indices.max(initial=-1)) + 1)[
        found.slot_indices
    ]
    return chosen


def _write(place: Path, ending: str, content: bytes) -> None:
    """Put a file in place whole, without waiting for the disk: syncing each takes longer than the model."""
    file = place.with_name(place.name + ending)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FileError(
            file,
            f"could not be written ({error.strerror or error})",
            do="free space or choose another folder",
        ) from error
