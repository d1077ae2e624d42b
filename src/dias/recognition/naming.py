"""Names and boxes of the objects in a user's own pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from dias.checkpoints import find
from dias.config import from_dict, to_dict
from dias.data.samples import ImageSource, Skipped, picture_of
from dias.errors import DiasError
from dias.files import sha256, write_atomic, write_json
from dias.inference.saving import output_names
from dias.inference.segment import Segmentation, Segmenter
from dias.metrics import box_iou
from dias.models.image import ImageModel
from dias.nn.slots.aggregation import AggregationConfig
from dias.provenance import record
from dias.recognition.trained import TrainedHead
from dias.viz import colours, named_boxes, png

FORMAT = "dias-named-objects-1"
AGREEMENT = 0.1  # docs/recognition.md: what it keeps and what it drops


@dataclass(frozen=True, kw_only=True)
class Named:
    """One slot of a picture, as a head names it.

    Attributes:
        name: of the likeliest class.
        probability: of that class.
        others: the next likeliest, with their probabilities.
        box: x0, y0, x1, y1 that the head tells, in pixels of the picture.
        agreement: IoU of that box and the one around the slot's mask. The head has been trained on slots of
            objects alone, so it names the background too; there its box and the mask's mostly differ.
        slot: number of the slot.
        area: pixels of its mask.
    """

    name: str
    probability: float
    others: tuple[tuple[str, float], ...]
    box: tuple[float, float, float, float]
    agreement: float
    slot: int
    area: int


@dataclass(frozen=True, kw_only=True)
class NamedPictures:
    """How many pictures had their objects named, and which could not be read."""

    pictures: int
    skipped: tuple[Skipped, ...]


def segmenter_for(trained: TrainedHead, model: ImageModel, checkpoint: Path, *, batch: int = 16) -> Segmenter:
    """A segmenter that gives slots such as a head was trained on.

    Args:
        trained: the head.
        model: loaded from the checkpoint.
        checkpoint: file or run folder; the slots of the head must be of it.
        batch: pictures at once.

    Raises:
        SlotsError: the head was trained on slots of another model.
    """
    wanted = trained.extraction
    file = find(checkpoint)
    if wanted.threshold is not None:
        told = from_dict(AggregationConfig, {"threshold": wanted.threshold}, where="head")
        model = model.with_threshold(told.threshold)
    segmenter = Segmenter(
        model, map=wanted.map, fit=wanted.fit, size=wanted.size, seed=wanted.seed, batch=batch
    )
    found = {**to_dict(wanted), "checkpoint": sha256(file), "weights": segmenter.backbone.weights.sha256}
    trained.check(file, type(wanted)(**found))
    return segmenter


def name_objects(trained: TrainedHead, found: Segmentation) -> list[Named]:
    """Name every slot that has a pixel; those that the head is surest of first."""
    answers = trained.head.answer(torch.from_numpy(found.slots))
    chances = answers.logits.double().softmax(dim=1)
    boxes = _in_picture(answers.boxes, found)
    height, width = found.labels.shape
    agreement = box_iou(boxes, torch.from_numpy(found.boxes * np.array([width, height] * 2)))
    named = [
        _named(trained, chances[place], boxes[place], float(agreement[place]), found, place)
        for place in np.flatnonzero(found.areas).tolist()
    ]
    return sorted(named, key=lambda one: -one.agreement * one.probability)


def save_named(
    trained: TrainedHead,
    segmenter: Segmenter,
    source: ImageSource,
    out: Path,
    *,
    agreement: float = AGREEMENT,
    on_picture: Callable[[str], None] = lambda name: None,
) -> NamedPictures:
    """Write `NAME.objects.png` and `NAME.objects.json` of every picture below `out`.

    Args:
        trained: the head.
        segmenter: as `segmenter_for` gives it.
        source: the pictures.
        out: folder for the files.
        agreement: least IoU of the told box and the mask's of a slot that is drawn; the JSON has all.
        on_picture: called with the name of each picture that is done or skipped.

    Raises:
        DiasError: no picture could be read.
        FileError: a file cannot be written.
    """
    names, skipped, done = output_names(source), list[Skipped](), 0
    origin = record().to_dict()
    for index, item in enumerate(segmenter.stream(source)):
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            named = name_objects(trained, item)
            place = out / names[index]
            picture = drawn(picture_of(source, index).image, named, agreement=agreement)
            _write(place.with_name(f"{place.name}.objects.png"), png(picture))
            told = [_plain(one, shown=one.agreement >= agreement) for one in named]
            write_json(
                place.with_name(f"{place.name}.objects.json"),
                {"format": FORMAT, "picture": item.name, "objects": told, "provenance": origin},
            )
            done += 1
        on_picture(item.name)
    if not done:
        why = f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""
        raise DiasError(f"no picture could be read: {len(skipped)} of {len(source)} skipped{why}")
    return NamedPictures(pictures=done, skipped=tuple(skipped))


def drawn(image: np.ndarray, named: Sequence[Named], *, agreement: float = AGREEMENT) -> np.ndarray:
    """The picture with the boxes and names of the slots whose box agrees with their mask."""
    shown = [one for one in named if one.agreement >= agreement]
    boxes = np.array([one.box for one in shown], dtype=np.float64).reshape(-1, 4)
    texts = [f"{one.name} {100 * one.probability:.0f}%" for one in shown]
    palette = colours(max((one.slot for one in shown), default=-1) + 1)
    return named_boxes(image, boxes, texts, palette=palette[[one.slot for one in shown]].reshape(-1, 3))


def _in_picture(boxes: Float[Tensor, "k 4"], found: Segmentation) -> Float64[Tensor, "k 4"]:
    """Shares of what the model saw as pixels of the picture."""
    x0, y0, x1, y1 = found.coverage
    start = torch.tensor([x0, y0, x0, y0], dtype=torch.float64)
    extent = torch.tensor([x1 - x0, y1 - y0] * 2, dtype=torch.float64)
    return start + boxes.double().clamp(0, 1) * extent


def _named(
    trained: TrainedHead,
    chances: Float64[Tensor, " c"],
    box: Float64[Tensor, " 4"],
    agreement: float,
    found: Segmentation,
    place: int,
) -> Named:
    order = chances.argsort(descending=True, stable=True)[:3].tolist()
    likely = [(trained.name(trained.classes[column]), float(chances[column])) for column in order]
    x0, y0, x1, y1 = box.tolist()
    return Named(
        name=likely[0][0],
        probability=likely[0][1],
        others=tuple(likely[1:]),
        box=(x0, y0, x1, y1),
        agreement=agreement,
        slot=int(found.slot_indices[place]),
        area=int(found.areas[place]),
    )


def _plain(one: Named, *, shown: bool) -> dict[str, object]:
    return {
        "name": one.name,
        "probability": one.probability,
        "others": [{"name": name, "probability": chance} for name, chance in one.others],
        "box": list(one.box),
        "agreement": one.agreement,
        "drawn": shown,
        "slot": one.slot,
        "area": one.area,
    }


def _write(file: Path, content: bytes) -> None:
    write_atomic(file, lambda stream: stream.write(content))
