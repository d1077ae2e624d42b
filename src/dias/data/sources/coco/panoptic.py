"""COCO's panoptic annotation: PNGs whose colours are segment numbers, and a JSON that says what those are."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from jaxtyping import Bool, Int, Int32

from dias.data.formats.json_file import read_json
from dias.data.images import read_colours
from dias.data.inside import inside
from dias.data.samples import ImageSample
from dias.data.sources.coco.layout import (
    Class,
    Id,
    Picture,
    Pictures,
    Split,
    WithoutLabels,
    existing,
    panoptic_file,
    panoptic_folder,
)
from dias.errors import FileError, SampleError
from dias.masks.boxes import boxes_from_labels


class _Segment(msgspec.Struct, gc=False):
    id: Annotated[int, msgspec.Meta(gt=0, lt=2**24)]
    category_id: Class
    iscrowd: Literal[0, 1] = 0


class _Entry(msgspec.Struct, gc=False):
    image_id: Id
    file_name: str
    segments_info: list[_Segment]


class _Category(msgspec.Struct):
    id: Class
    isthing: Literal[0, 1]
    name: str = ""


class _Annotation(msgspec.Struct):
    images: list[Picture]
    annotations: list[_Entry]
    categories: list[_Category]


class PanopticCoco(WithoutLabels):
    """Pictures in the order of their names, with masks, boxes, classes (`category_id`) and tracks (`id`).

    A picture that the JSON lists without an annotation has no object, and all its pixels are ignored.

    Args:
        path: COCO's folder.
        split: which half of it.
        stuff: each kind of stuff in a picture is an object, too; else stuff is background.
        keep_crowds: a crowd is an object; else it is ignored.
    """

    def __init__(self, path: Path, split: Split, *, stuff: bool, keep_crowds: bool) -> None:
        self.stuff = stuff
        self.keep_crowds = keep_crowds
        file = existing(path, split, panoptic_file)
        self.segments_folder = panoptic_folder(path, split)
        found = read_json(file, _Annotation)
        pairs = _joined(found, file)
        self.pictures = Pictures(path, split, [picture for picture, _ in pairs], named_by=file)
        self.files = [entry.file_name if entry else None for _, entry in pairs]
        for name in filter(None, self.files):
            inside(self.segments_folder, name, named_by=file)
        self._names = {one.id: one.name for one in found.categories if one.name}
        self._table = _Table(found, [entry.segments_info if entry else [] for _, entry in pairs], file)

    def class_names(self) -> dict[int, str]:
        """Of the categories."""
        return self._names

    def __getitem__(self, index: int) -> ImageSample:
        """Read a picture and its segments.

        Raises:
            SampleError: a file is missing, damaged or of another size, or shows a segment that is not listed.
        """
        image = self.pictures.read(index)
        size = image.shape[0], image.shape[1]
        name = self.files[index]
        file = self.segments_folder / (name or "")
        codes = np.zeros(size, dtype=np.int32) if name is None else read_colours(file, size=size)
        ids, classes, things, crowds = self._table.of(index)
        crowds = crowds & (not self.keep_crowds)
        objects = (things | self.stuff) & ~crowds
        mask, ignore = _drawn(codes, ids, objects, crowds, file)
        return ImageSample(
            image=image,
            name=self.name(index),
            mask=mask,
            ignore=ignore,
            boxes=boxes_from_labels(mask, int(objects.sum())),
            classes=classes[objects].astype(np.int64),
            tracks=ids[objects].astype(np.int64),
        )


class _Table:
    """What the JSON says of all segments, in arrays: as objects, a million of them would fill the memory."""

    def __init__(self, found: _Annotation, listed: list[list[_Segment]], file: Path) -> None:
        segments = [segment for each in listed for segment in each]
        things = {category.id: bool(category.isthing) for category in found.categories}
        unknown = {segment.category_id for segment in segments} - set(things)
        if unknown:
            raise FileError(file, f"has a segment of category {min(unknown)}, which it does not list")
        self.starts = np.cumsum([0] + [len(each) for each in listed])
        self.ids = np.array([segment.id for segment in segments], dtype=np.int32)
        self.classes = np.array([segment.category_id for segment in segments], dtype=np.int32)
        self.things = np.array([things[segment.category_id] for segment in segments], dtype=np.bool_)
        self.crowds = np.array([segment.iscrowd for segment in segments], dtype=np.bool_)

    def of(
        self, index: int
    ) -> tuple[
        Int32[np.ndarray, " s"], Int32[np.ndarray, " s"], Bool[np.ndarray, " s"], Bool[np.ndarray, " s"]
    ]:
        """Ids, classes, which are things and which are crowds, of one picture's segments."""
        part = slice(self.starts[index], self.starts[index + 1])
        return self.ids[part], self.classes[part], self.things[part], self.crowds[part]


def _joined(found: _Annotation, file: Path) -> list[tuple[Picture, _Entry | None]]:
    """Bring pictures and annotations together, in the order of names; None for a picture without."""
    entries: dict[int, list[_Entry | None]] = {picture.id: [] for picture in found.images}
    if len(entries) < len(found.images):
        raise FileError(file, "gives two images one id", do="download it again")
    if not found.annotations:
        raise FileError(file, "annotates no picture", do="download it again")
    for entry in found.annotations:
        if entry.image_id not in entries:
            raise FileError(
                file, f"annotates image {entry.image_id}, which it does not list", do="download it again"
            )
        entries[entry.image_id].append(entry)
    pictures = sorted(found.images, key=lambda picture: picture.file_name)
    return [(picture, entry) for picture in pictures for entry in entries[picture.id] or [None]]


def _drawn(
    codes: Int32[np.ndarray, "h w"],
    ids: Int[np.ndarray, " s"],
    objects: Bool[np.ndarray, " s"],
    ignored: Bool[np.ndarray, " s"],
    file: Path,
) -> tuple[Int32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Number the objects from 1 in the order of the JSON; give the pixels that nobody has labelled, too."""
    order = np.argsort(ids)
    known = np.concatenate([[0], ids[order]])
    if (np.diff(known) == 0).any():
        raise SampleError(file, "has two segments of one id in the JSON", do="download it again")
    place = np.searchsorted(known, codes).clip(max=len(known) - 1)
    strange = known[place] != codes
    if strange.any():
        raise SampleError(
            file, f"shows segment {codes[strange][0]}, which the JSON does not list", do="download both again"
        )
    numbers = np.where(objects, np.cumsum(objects), 0).astype(np.int32)
    mask = np.concatenate([[0], numbers[order]]).astype(np.int32)[place]
    return mask, np.concatenate([[True], ignored[order]])[place]
