"""A trained network and what it must be given, as one safetensors file. Loading executes nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from dias.config import from_dict, to_dict
from dias.reasoning.evidence import Evidence
from dias.reasoning.fit import answered
from dias.reasoning.network import Reasoner
from dias.reasoning.questions import Decisions, Language, Lengths
from dias.reasoning.recipe import ReasoningRecipe
from dias.reasoning.vocabulary import Vocabulary
from dias.slots.alike import check_alike
from dias.slots.fitted import load_fitted, save_fitted
from dias.slots.header import Extraction

FORMAT = "dias-reasoning-1"
_AT_ONCE = 256  # decisions


@dataclass(frozen=True, kw_only=True)
class TrainedReasoner:
    """A network, and what it was trained on.

    Attributes:
        network: in evaluation mode.
        recipe: how it was made.
        language: what it can be asked.
        extraction: how its slots came out of videos.
        slot_dim: numbers a slot has.
        fingerprint: of the training videos.
        predictor: SHA-256 of the file of the predictor whose slots it sees ahead; None without.
    """

    network: Reasoner
    recipe: ReasoningRecipe
    language: Language
    extraction: Extraction
    slot_dim: int
    fingerprint: str
    predictor: str | None = None

    def check(self, where: Path | str, found: Extraction) -> None:
        """See that slots are such as the network was trained on; only the seed of the queries may differ.

        Raises:
            SlotsError: they are not; says in what they differ.
        """
        check_alike(where, found, self.extraction, whose="network")


@torch.inference_mode()
def judge(network: Reasoner, evidence: Evidence, asked: Decisions) -> Float64[Tensor, " q"]:
    """Whether each decision is right: 1 or 0."""
    found = []
    for rows in torch.split(torch.arange(len(asked)), _AT_ONCE):
        told = answered(network, evidence, asked, rows)
        said = torch.where(
            asked.descriptive[rows], told.answers.argmax(dim=1).cpu(), (told.right > 0).long().cpu()
        )
        found.append((said == asked.answer[rows]).double())
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def save_reasoner(file: Path, trained: TrainedReasoner, *, notes: dict[str, Any] | None = None) -> None:
    """Write a network in one step.

    Args:
        file: where to.
        trained: the network.
        notes: anything that JSON can hold, such as scores.

    Raises:
        FileError: it cannot be written.
    """
    language = trained.language
    about = {
        "recipe": to_dict(trained.recipe),
        "words": list(language.vocabulary.words),
        "answers": list(language.answers),
        "common": language.common,
        "kinds": {kind: list(words) for kind, words in language.kinds.items()},
        "extraction": to_dict(trained.extraction),
        "slot_dim": trained.slot_dim,
        "fingerprint": trained.fingerprint,
        "predictor": trained.predictor,
        "notes": notes or {},
    }
    save_fitted(file, trained.network, about, format=FORMAT)


def load_reasoner(file: Path) -> TrainedReasoner:
    """Read a network.

    Raises:
        CheckpointError: there is none, or it is damaged, or something else.
    """
    return load_fitted(file, _trained, format=FORMAT, again="dias reason train")


def _trained(about: dict[str, Any], state: dict[str, Tensor]) -> TrainedReasoner:
    recipe = from_dict(ReasoningRecipe, about["recipe"], where="recipe")
    language = _language(about, recipe.lengths)
    network = Reasoner(
        recipe.network,
        view=recipe.view,
        lengths=recipe.lengths,
        words=len(language.vocabulary.words),
        answers=len(language.answers),
        slot_dim=int(about["slot_dim"]),
    )
    network.load_state_dict(state)
    predictor = about["predictor"]
    return TrainedReasoner(
        network=network.eval(),
        recipe=recipe,
        language=language,
        extraction=from_dict(Extraction, about["extraction"], where="extraction"),
        slot_dim=int(about["slot_dim"]),
        fingerprint=str(about["fingerprint"]),
        predictor=None if predictor is None else str(predictor),
    )


def _language(about: dict[str, Any], lengths: Lengths) -> Language:
    return Language(
        vocabulary=Vocabulary(tuple(str(word) for word in about["words"])),
        answers=tuple(str(word) for word in about["answers"]),
        lengths=lengths,
        common={str(kind): str(word) for kind, word in about["common"].items()},
        kinds={str(kind): tuple(str(word) for word in words) for kind, words in about["kinds"].items()},
    )
