"""How well classes and boxes are told, of matched objects and of all."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from dias.errors import DiasError
from dias.files import write_json
from dias.metrics import box_iou, r2_per_coordinate, top_k_hits
from dias.provenance import record
from dias.recognition.head import Answers
from dias.recognition.objects import Objects

FORMAT = "dias-recognition-result-1"
TOP = 3


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Means over objects (not over pictures); NaN where there is none.

    Attributes:
        top1: share whose class is the first choice.
        top3: whose class is among the first three.
        box_iou: of the told box and that around the true mask.
        box_r2: 1 - SS_res / SS_tot of each of x0, y0, x1, y1, averaged over the four.
    """

    top1: float
    top3: float
    box_iou: float
    box_r2: float


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """Of one class: its objects, those matched, and the share of the matched that is named right."""

    number: int
    name: str
    objects: int
    matched: int
    top1: float


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """Result of an evaluation.

    Attributes:
        objects: in the labels of the pictures.
        matched: of them have a slot.
        of_matched: scores of those. A method that matches less can look better here.
        of_all: scores of all objects. One without a slot counts as wrong: class and box IoU are 0, and for R2
            it is told the mean of all true boxes.
        unseen: objects of classes that the head has never seen, by name: wrong for top-1 and top-3.
        by_class: a row a class.
    """

    pictures: int
    objects: int
    matched: int
    of_matched: Scores
    of_all: Scores
    unseen: dict[str, int]
    by_class: tuple[ClassScore, ...]

    @property
    def recall(self) -> float:
        """Share of all true objects that have a slot."""
        return self.matched / self.objects

    def save(self, file: Path, *, notes: dict[str, Any]) -> None:
        """Write JSON, with what else should be known, and where it comes from."""
        told = {"format": FORMAT, **asdict(self), "recall": self.recall, **notes}
        write_json(file, told | {"provenance": record().to_dict()})


def score(objects: Objects, answers: Answers, *, classes: Sequence[int]) -> Recognition:
    """Compare answers with the truth.

    Args:
        objects: all true ones.
        answers: for each of them; those for objects that are not matched are not looked at.
        classes: class number of each column of the logits.

    Raises:
        DiasError: there is no object; or none is of a class that the head knows.
    """
    if not len(objects):
        raise DiasError("recognition: there is no object to recognise")
    column = {number: place for place, number in enumerate(classes)}
    numbers = objects.classes.tolist()
    if not column.keys() & set(numbers):
        known, found = (
            ", ".join(objects.name(one) for one in sorted(some)[:5]) for some in (column, set(numbers))
        )
        raise DiasError(
            f"recognition: no object is of a class that the head has seen (it knows {known}; the data has "
            f"{found}); give data of the same classes"
        )
    truth = torch.tensor([column.get(number, -1) for number in numbers])
    hits = [top_k_hits(answers.logits, truth, k=k).double() for k in (1, TOP)]
    overlap = box_iou(answers.boxes, objects.boxes)
    some = objects.matched
    unseen = [number for number in numbers if number not in column]
    return Recognition(
        pictures=objects.pictures,
        objects=len(objects),
        matched=int(some.sum()),
        of_matched=Scores(
            top1=_mean(hits[0][some]),
            top3=_mean(hits[1][some]),
            box_iou=_mean(overlap[some]),
            box_r2=float(r2_per_coordinate(answers.boxes[some], objects.boxes[some]).mean()),
        ),
        of_all=Scores(
            top1=_mean(hits[0] * some),
            top3=_mean(hits[1] * some),
            box_iou=_mean(overlap * some),
            box_r2=float(r2_per_coordinate(answers.boxes, objects.boxes, told=some).mean()),
        ),
        unseen={objects.name(number): unseen.count(number) for number in sorted(set(unseen))},
        by_class=tuple(_of_class(objects, number, hits[0], some) for number in sorted(set(numbers))),
    )


def _of_class(
    objects: Objects, number: int, hits: Float64[Tensor, " o"], some: Bool[Tensor, " o"]
) -> ClassScore:
    own = objects.classes == number
    return ClassScore(
        number=number,
        name=objects.name(number),
        objects=int(own.sum()),
        matched=int((own & some).sum()),
        top1=_mean(hits[own & some]),
    )


def _mean(values: Float64[Tensor, " o"]) -> float:
    return float(values.mean()) if len(values) else float("nan")
