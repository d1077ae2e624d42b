"""COCO's plain annotation: things as polygons, crowds as run lengths, any of which may overlap."""

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from jaxtyping import Bool

from dias.data.formats.coco_mask import Region, decode
from dias.data.formats.json_file import read_json
from dias.data.samples import ImageSample
from dias.data.sources.coco.layout import (
    Class,
    Id,
    Picture,
    Pictures,
    Split,
    WithoutLabels,
    existing,
    instances_file,
)
from dias.errors import FileError, SampleError
from dias.masks.boxes import boxes_from_labels


class _Thing(msgspec.Struct, gc=False):
    id: Id
    image_id: Id
    category_id: Class
    segmentation: msgspec.Raw  # decoded when it is looked at: all polygons as numbers would fill the memory
    iscrowd: Literal[0, 1] = 0


class _Category(msgspec.Struct):
    id: Class
    name: str = ""


class _Annotation(msgspec.Struct):
    images: list[Picture]
    annotations: list[_Thing]
    categories: list[_Category] = []


class PolygonCoco(WithoutLabels):
    """Pictures in the order of their names, with masks, boxes, classes (`category_id`) and tracks (`id`).

    Args:
        path: COCO's folder.
        split: which half of it.
        keep_crowds: a crowd is an object; else it is ignored.
    """

    def __init__(self, path: Path, split: Split, *, keep_crowds: bool) -> None:
        self.keep_crowds = keep_crowds
        file = existing(path, split, instances_file)
        found = read_json(file, _Annotation)
        found.images.sort(key=lambda picture: picture.file_name)
        self.pictures = Pictures(path, split, found.images, named_by=file)
        self._names = {one.id: one.name for one in found.categories if one.name}
        self._table = _Table(found, file)

    def class_names(self) -> dict[int, str]:
        """Of the categories."""
        return self._names

    def __getitem__(self, index: int) -> ImageSample:
        """Read a picture and draw its things.

        Raises:
            SampleError: the picture is missing, damaged or of another size, or a thing cannot be drawn.
        """
        image = self.pictures.read(index)
        size = image.shape[0], image.shape[1]
        mask, covered = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.bool_)
        ignore = np.zeros(size, dtype=np.bool_)
        objects = []
        for place in self._table.places(index):
            region = self._table.region(place, size)
            if self._table.crowds[place] and not self.keep_crowds:
                ignore |= region
                continue
            objects.append(place)
            ignore |= region & covered
            mask[region & ~covered] = len(objects)
            covered |= region
        return ImageSample(
            image=image,
            name=self.name(index),
            mask=mask,
            ignore=ignore,
            boxes=boxes_from_labels(mask, len(objects)),
            classes=self._table.classes[objects].astype(np.int64),
            tracks=self._table.ids[objects].astype(np.int64),
        )


class _Table:
    """All things, those of a picture in a row, in the order in which the JSON lists them."""

    def __init__(self, found: _Annotation, file: Path) -> None:
        self.file = file
        rows = {picture.id: row for row, picture in enumerate(found.images)}
        if len(rows) < len(found.images):
            raise FileError(file, "gives two images one id", do="download it again")
        lost = next((thing for thing in found.annotations if thing.image_id not in rows), None)
        if lost is not None:
            raise FileError(
                file, f"annotates image {lost.image_id}, which it does not list", do="download it again"
            )
        things = sorted(found.annotations, key=lambda thing: rows[thing.image_id])
        images = np.array([rows[thing.image_id] for thing in things], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(images, minlength=len(rows)))])
        self.ids = np.array([thing.id for thing in things], dtype=np.int64)
        self.classes = np.array([thing.category_id for thing in things], dtype=np.int32)
        self.crowds = np.array([thing.iscrowd for thing in things], dtype=np.bool_)
        self._text = b"".join(bytes(thing.segmentation) for thing in things)
        self._ends = np.cumsum([0] + [len(bytes(thing.segmentation)) for thing in things])

    def places(self, index: int) -> range:
        """Things of one picture."""
        return range(int(self.starts[index]), int(self.starts[index + 1]))

    def region(self, place: int, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
        """Draw a thing."""
        text = self._text[self._ends[place] : self._ends[place + 1]]
        try:
            return decode(msgspec.json.decode(text, type=Region), size=size)
        except (msgspec.DecodeError, ValueError) as error:
            raise SampleError(
                self.file, f"annotation {self.ids[place]}: {error}", do="download it again"
            ) from None
