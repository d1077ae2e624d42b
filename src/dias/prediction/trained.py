"""A trained rollouter as a file: safetensors with JSON in its header. Loading executes nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from dias.checkpoints import find
from dias.config import from_dict, to_dict
from dias.errors import CheckpointError
from dias.files import sha256
from dias.prediction.fit import FitConfig
from dias.prediction.rollouter import Rollouter, RollouterConfig
from dias.slots.alike import check_alike
from dias.slots.fitted import load_fitted, save_fitted
from dias.slots.header import Extraction, SlotHeader

FORMAT = "dias-predictor-1"


@dataclass(frozen=True, kw_only=True)
class TrainedRollouter:
    """A rollouter, and what it was trained on.

    Attributes:
        rollouter: in evaluation mode.
        extraction: how its slots came out of clips; `checkpoint` is the hash of the model that made them.
        checkpoint_name: file that this model was.
        fit: how it was trained.
        fingerprint: of the training clips.
    """

    rollouter: Rollouter
    extraction: Extraction
    checkpoint_name: str
    fit: FitConfig
    fingerprint: str

    def check(self, where: Path | str, found: Extraction) -> None:
        """See that slots are such as it was trained on; only the seed of the queries may differ.

        Raises:
            SlotsError: they are not; says in what they differ.
        """
        check_alike(where, found, self.extraction, whose="predictor")

    def model_file(self, given: Path | None) -> Path:
        """The checkpoint whose slots these are: the given one, or the one that stood there in training.

        Raises:
            CheckpointError: it is another one, or there is none.
        """
        return the_model(given, self.extraction, self.checkpoint_name)


def the_model(given: Path | None, extraction: Extraction, name: str) -> Path:
    """The checkpoint that slots are of: the given one, or the one of that name, if it is the same file.

    Raises:
        CheckpointError: it is another one, or there is none.
    """
    do = "give the model that the slots are of with --model"
    try:
        file = find(given or Path(name))
    except CheckpointError:
        if given is not None:
            raise
        raise CheckpointError(name, "is not there any more", do=do) from None
    found = sha256(file)
    if found != extraction.checkpoint:
        raise CheckpointError(
            file,
            f"is checkpoint {found[:12]}, the slots are of {extraction.checkpoint[:12]}",
            do=do,
        )
    return file


def trained_on(rollouter: Rollouter, header: SlotHeader, config: FitConfig) -> TrainedRollouter:
    """Put a rollouter and its origin together."""
    return TrainedRollouter(
        rollouter=rollouter,
        extraction=header.extraction,
        checkpoint_name=header.checkpoint_name,
        fit=config,
        fingerprint=header.fingerprint,
    )


def save_rollouter(file: Path, trained: TrainedRollouter, *, notes: dict[str, Any] | None = None) -> None:
    """Write a rollouter in one step.

    Args:
        file: where to.
        trained: the rollouter.
        notes: anything that JSON can hold, such as the last loss.

    Raises:
        FileError: it cannot be written.
    """
    about = {
        "rollouter": to_dict(trained.rollouter.config),
        "slot_dim": trained.rollouter.slot_dim,
        "extraction": to_dict(trained.extraction),
        "checkpoint_name": trained.checkpoint_name,
        "fit": to_dict(trained.fit),
        "fingerprint": trained.fingerprint,
        "notes": notes or {},
    }
    save_fitted(file, trained.rollouter, about, format=FORMAT)


def load_rollouter(file: Path) -> TrainedRollouter:
    """Read a rollouter.

    Raises:
        CheckpointError: there is none, or it is damaged, or no rollouter.
    """
    return load_fitted(file, _trained, format=FORMAT, again="dias predict train")


def _trained(about: dict[str, Any], state: dict[str, Tensor]) -> TrainedRollouter:
    config = from_dict(RollouterConfig, about["rollouter"], where="rollouter")
    rollouter = config.build(slot_dim=int(about["slot_dim"]))
    rollouter.load_state_dict(state)
    return TrainedRollouter(
        rollouter=rollouter.eval(),
        extraction=from_dict(Extraction, about["extraction"], where="extraction"),
        checkpoint_name=str(about["checkpoint_name"]),
        fit=from_dict(FitConfig, about["fit"], where="fit"),
        fingerprint=str(about["fingerprint"]),
    )
