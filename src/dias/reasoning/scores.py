"""How many questions are answered rightly: of choices each by itself, and all of a question together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from dias.errors import DiasError
from dias.files import write_json
from dias.provenance import record
from dias.reasoning.questions import DESCRIPTIVE, TYPES, UNKNOWN, Decisions, Language

FORMAT = "dias-reasoning-result-1"


@dataclass(frozen=True, kw_only=True)
class Score:
    """Of the questions of one type.

    Attributes:
        type: of them.
        questions: how many.
        options: choices that they have together; 0 of descriptive ones.
        per_question: share answered rightly; with choices, those of which every choice is judged rightly.
        per_option: share of choices judged rightly; NaN of descriptive ones.
        by_kind: `per_question` of each kind of descriptive question.
    """

    type: str
    questions: int
    options: int
    per_question: float
    per_option: float
    by_kind: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one way of answering reaches, in the order of `TYPES`; types without a question are missing."""

    name: str
    scores: tuple[Score, ...]


@dataclass(frozen=True, kw_only=True)
class Reasoning:
    """Result of an evaluation.

    Attributes:
        clips: that were asked about.
        rows: models, and what answers without a look.
        unseen: questions whose answer no training question has; they count as wrong.
    """

    clips: int
    rows: tuple[Row, ...]
    unseen: int

    def save(self, file: Path, *, notes: dict[str, Any]) -> None:
        """Write JSON, with what else should be known, and where it comes from."""
        told = {"format": FORMAT, **asdict(self), **notes}
        write_json(file, told | {"provenance": record().to_dict()})


def score(name: str, asked: Decisions, right: Float64[Tensor, " q"]) -> Row:
    """Count.

    Args:
        name: of the row.
        asked: the decisions.
        right: how surely each is right: 1 or 0, or of a guess its chance; the choices of a question are
            guessed independently.

    Raises:
        DiasError: there is no decision.
    """
    if not len(asked):
        raise DiasError("questions: there is none to score")
    return Row(
        name=name,
        scores=tuple(
            _of_type(asked, right, type) for type in range(len(TYPES)) if bool((asked.type == type).any())
        ),
    )


def by_chance(asked: Decisions, language: Language) -> Float64[Tensor, " q"]:
    """How surely a guess is right: an answer among those of a kind, drawn evenly; of a choice, by a coin."""
    chances = [
        1 / len(language.kinds.get(asked.kinds[number], language.answers)) for number in asked.number.tolist()
    ]
    drawn = torch.tensor(chances, dtype=torch.float64) * (asked.answer != UNKNOWN)
    return torch.where(asked.descriptive, drawn, 0.5)


def by_habit(asked: Decisions, language: Language) -> Float64[Tensor, " q"]:
    """Whether the answer is the one that training questions of its kind have most often."""
    usual = [language.common.get(asked.kinds[number], "") for number in asked.number.tolist()]
    columns = {word: column for column, word in enumerate(language.answers)}
    told = [
        columns.get(word, len(columns)) if descriptive else int(word == "correct")
        for word, descriptive in zip(usual, asked.descriptive.tolist(), strict=True)
    ]
    return (torch.tensor(told) == asked.answer).double()


def unseen(asked: Decisions) -> int:
    """Questions whose answer no training question has."""
    return int((asked.descriptive & (asked.answer == UNKNOWN)).sum())


def _of_type(asked: Decisions, right: Float64[Tensor, " q"], type: int) -> Score:
    own = asked.type == type
    numbers = torch.unique(asked.number[own])
    # The product over the choices of a question; a descriptive one is its own product.
    whole = torch.ones(len(asked.kinds), dtype=torch.float64)
    whole.scatter_reduce_(0, asked.number[own], right[own], reduce="prod")
    kinds = sorted({asked.kinds[number] for number in numbers.tolist()})
    descriptive = type == DESCRIPTIVE
    return Score(
        type=TYPES[type],
        questions=len(numbers),
        options=0 if descriptive else int(own.sum()),
        per_question=float(whole[numbers].mean()),
        per_option=float("nan") if descriptive else float(right[own].mean()),
        by_kind={kind: _mean(whole, numbers, asked.kinds, kind) for kind in kinds} if descriptive else {},
    )


def _mean(whole: Float64[Tensor, " k"], numbers: Tensor, kinds: Sequence[str], kind: str) -> float:
    return float(whole[[number for number in numbers.tolist() if kinds[number] == kind]].mean())
