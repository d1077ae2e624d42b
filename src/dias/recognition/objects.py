"""True objects of pictures, and the slot that each was matched with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor

from dias.data.samples import ImageSample, ImageSource, class_names_of
from dias.errors import DiasError, SlotsError
from dias.masks.boxes import boxes_from_labels
from dias.masks.matching import hungarian
from dias.masks.overlap import label_iou
from dias.slots.read import PictureMasks, SlotFiles

IOU = 0.1  # a slot that overlaps an object no more than this is not taken for it


@dataclass(frozen=True, kw_only=True)
class Objects:
    """All true objects of some pictures, those that no slot was found for among them.

    Attributes:
        slots: of each object; zeros where none was matched.
        matched: whether a slot was.
        iou: of the object's mask and the slot's; 0 where none was matched.
        classes: class number, as the data set numbers them.
        boxes: x0, y0, x1, y1 around the true mask, the last two exclusive, as shares of what the model saw.
        picture: place in the data set of the picture that each object is in.
        pictures: number of pictures looked at, with those that have no object.
        names: of the classes, as far as they are known.
    """

    slots: Float32[Tensor, "o d"]
    matched: Bool[Tensor, " o"]
    iou: Float64[Tensor, " o"]
    classes: Int64[Tensor, " o"]
    boxes: Float32[Tensor, "o 4"]
    picture: Int64[Tensor, " o"]
    pictures: int
    names: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.classes)

    def name(self, number: int) -> str:
        """Name of a class."""
        return self.names.get(number, f"class {number}")


@dataclass(frozen=True, kw_only=True)
class Matches:
    """The objects of one picture.

    Attributes:
        slot: that each object was matched with; -1 for none.
        iou: with it; 0 for none.
        numbers: that the objects have in the picture's mask, from 1.
        boxes: as in `Objects`.
    """

    slot: Int64[np.ndarray, " k"]
    iou: Float64[np.ndarray, " k"]
    numbers: Int64[np.ndarray, " k"]
    boxes: Float64[np.ndarray, "k 4"]


def match_picture(masks: PictureMasks, truth: ImageSample, *, slots: int, threshold: float = IOU) -> Matches:
    """One-to-one match of slots and all objects of a picture, with the greatest sum of IoU.

    Looked at is what the model saw. Unlabelled pixels count for nobody. An object of which nothing is to be
    seen there is no object.

    Args:
        masks: slot of each pixel.
        truth: the picture with its mask.
        slots: that the model has.
        threshold: a pair whose IoU is not above this is no match.

    Raises:
        DiasError: the picture has no mask.
        SlotsError: nor one of the size that the slots were made of.
    """
    if truth.mask is None:
        raise DiasError(f"{truth.name}: has no mask, so its objects are not known; give labelled pictures")
    if truth.mask.shape != masks.labels.shape:
        raise SlotsError(
            truth.name,
            f"is {truth.mask.shape}, its slots are of a picture of {masks.labels.shape} (height, width)",
            do="extract the slots again",
        )
    x0, y0, x1, y1 = masks.coverage
    seen = slice(y0, y1), slice(x0, x1)
    mask = truth.mask[seen].astype(np.int64)
    valid = None if truth.ignore is None else ~truth.ignore[seen]
    shown = np.unique(mask if valid is None else mask[valid])
    numbers = shown[shown > 0]
    place = np.full(int(mask.max(initial=0)) + 1, -1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    objects = place[mask]
    iou = label_iou(masks.labels[seen], objects, n=slots, k=len(numbers), valid=valid)
    partner = hungarian(-torch.from_numpy(iou)[None])[0].numpy()
    slot, found = np.full(len(numbers), -1, dtype=np.int64), np.zeros(len(numbers))
    for row in np.flatnonzero(partner >= 0):
        if iou[row, partner[row]] > threshold:
            slot[partner[row]], found[partner[row]] = row, iou[row, partner[row]]
    inside = objects + 1 if valid is None else np.where(valid, objects + 1, 0)
    return Matches(slot=slot, iou=found, numbers=numbers, boxes=boxes_from_labels(inside, len(numbers)))


def match_objects(
    files: SlotFiles,
    source: ImageSource,
    *,
    threshold: float = IOU,
    on_picture: Callable[[], None] = lambda: None,
) -> Objects:
    """Match the slots of every picture with all of its objects.

    Args:
        files: the slots.
        source: the labelled pictures that they were made of.
        threshold: as in `match_picture`.
        on_picture: called after each picture.

    Raises:
        DiasError: a picture has no mask, or an object no class; or no picture has an object.
        SlotsError: a picture is not that of its slots.
        SampleError: a picture cannot be read.
    """
    slots, matches, classes, places = [], [], [], []
    index = 0
    for part in files.stream():
        for row, place in enumerate(part.picture.tolist()):
            truth = source[place]
            found = match_picture(files.masks(index), truth, slots=files.header.slots, threshold=threshold)
            slots.append(np.where((found.slot >= 0)[:, None], part.slots[row][found.slot], np.float32(0)))
            matches.append(found)
            classes.append(_classes(truth, found))
            places.append(np.full(len(found.slot), place))
            index += 1
            on_picture()
    if not sum(map(len, classes)):
        raise DiasError(
            f"{files.folder}: no object in the labels of {index} pictures; nothing can be learned"
        )
    joined = np.concatenate([one.slot for one in matches])
    return Objects(
        slots=torch.from_numpy(np.concatenate(slots)),
        matched=torch.from_numpy(joined >= 0),
        iou=torch.from_numpy(np.concatenate([one.iou for one in matches])),
        classes=torch.from_numpy(np.concatenate(classes)),
        boxes=torch.from_numpy(np.concatenate([one.boxes for one in matches])).float(),
        picture=torch.from_numpy(np.concatenate(places)),
        pictures=index,
        names=class_names_of(source),
    )


def _classes(truth: ImageSample, found: Matches) -> Int64[np.ndarray, " k"]:
    if truth.classes is None:
        raise DiasError(
            f"{truth.name}: its objects have no classes; recognition needs a data set that names them"
        )
    last = int(found.numbers.max(initial=0))
    if last > len(truth.classes):
        raise DiasError(
            f"{truth.name}: its mask has object {last}, but {len(truth.classes)} objects have a class; "
            "give each one"
        )
    return np.asarray(truth.classes[found.numbers - 1], dtype=np.int64)
