"""A trained head and what it must be given, as one safetensors file. Loading executes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from dias.config import from_dict, to_dict
from dias.errors import DiasError
from dias.recognition.fit import FitConfig
from dias.recognition.head import Answers, RecognitionHead
from dias.recognition.objects import Objects
from dias.slots.alike import check_alike
from dias.slots.fitted import load_fitted, save_fitted
from dias.slots.header import Extraction
from dias.slots.read import SlotFiles

FORMAT = "dias-recognition-1"


@dataclass(frozen=True, kw_only=True)
class TrainedHead:
    """A head, and what it was trained on.

    Attributes:
        head: in evaluation mode.
        classes: class number of each column of its logits.
        names: of all classes of the training data, by number, as far as they are known.
        extraction: how its slots came out of pictures.
        slot_dim: numbers a slot has.
        fit: how it was trained.
        iou: above which slots were matched with objects.
        fingerprint: of the training pictures.
    """

    head: RecognitionHead
    classes: tuple[int, ...]
    names: Mapping[int, str]
    extraction: Extraction
    slot_dim: int
    fit: FitConfig
    iou: float
    fingerprint: str

    def name(self, number: int) -> str:
        """Name of a class."""
        return self.names.get(number, f"class {number}")

    def check(self, where: Path | str, found: Extraction) -> None:
        """See that slots are such as the head was trained on; only the seed of the queries may differ.

        Raises:
            SlotsError: they are not; says in what they differ.
        """
        check_alike(where, found, self.extraction, whose="head")

    def check_names(self, found: Mapping[int, str]) -> None:
        """See that the classes of other data are called what they were called in training.

        Raises:
            DiasError: a number stands for something else there.
        """
        for number in self.classes:
            if number in self.names and number in found and self.names[number] != found[number]:
                raise DiasError(
                    f"class {number} is {found[number]!r} in this data, {self.names[number]!r} in what the "
                    "head was trained on; give data with the same classes"
                )


def recognise(trained: TrainedHead, objects: Objects) -> Answers:
    """Ask a head about the slots of objects; those without a slot get an answer that means nothing."""
    return trained.head.answer(objects.slots)


def trained_on(
    head: RecognitionHead,
    classes: Sequence[int],
    *,
    objects: Objects,
    files: SlotFiles,
    fit: FitConfig,
    iou: float,
) -> TrainedHead:
    """Put a head and its origin together."""
    return TrainedHead(
        head=head,
        classes=tuple(classes),
        names=dict(objects.names),
        extraction=files.header.extraction,
        slot_dim=files.header.slot_dim,
        fit=fit,
        iou=iou,
        fingerprint=files.header.fingerprint,
    )


def save_head(file: Path, trained: TrainedHead, *, notes: dict[str, Any] | None = None) -> None:
    """Write a head in one step.

    Args:
        file: where to.
        trained: the head.
        notes: anything that JSON can hold, such as scores.

    Raises:
        FileError: it cannot be written.
    """
    about = {
        "classes": [{"number": number, "name": trained.names.get(number)} for number in trained.classes],
        "names": {str(number): name for number, name in trained.names.items()},
        "extraction": to_dict(trained.extraction),
        "slot_dim": trained.slot_dim,
        "fit": to_dict(trained.fit),
        "iou": trained.iou,
        "fingerprint": trained.fingerprint,
        "notes": notes or {},
    }
    save_fitted(file, trained.head, about, format=FORMAT)


def load_head(file: Path) -> TrainedHead:
    """Read a head.

    Raises:
        CheckpointError: there is none, or it is damaged, or no head.
    """
    return load_fitted(file, _trained, format=FORMAT, again="dias recognise train")


def _trained(about: dict[str, Any], state: dict[str, Tensor]) -> TrainedHead:
    fitted = from_dict(FitConfig, about["fit"], where="fit")
    classes = tuple(int(one["number"]) for one in about["classes"])
    head = RecognitionHead(slot_dim=int(about["slot_dim"]), classes=len(classes), dropout=fitted.dropout)
    head.load_state_dict(state)
    return TrainedHead(
        head=head.eval(),
        classes=classes,
        names={int(number): str(name) for number, name in about["names"].items()},
        extraction=from_dict(Extraction, about["extraction"], where="extraction"),
        slot_dim=int(about["slot_dim"]),
        fit=fitted,
        iou=float(about["iou"]),
        fingerprint=str(about["fingerprint"]),
    )
