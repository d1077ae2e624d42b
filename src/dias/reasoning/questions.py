"""Questions as decisions: one a descriptive question, one a choice of the others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from dias.config import STRICT
from dias.data.clevrer import Question
from dias.data.clevrer.values import QuestionType
from dias.errors import DiasError
from dias.reasoning.vocabulary import PADDING, QuestionError, Vocabulary

TYPES: tuple[QuestionType, ...] = ("descriptive", "explanatory", "predictive", "counterfactual")
DESCRIPTIVE, PREDICTIVE = TYPES.index("descriptive"), TYPES.index("predictive")
UNKNOWN = -1  # an answer that no training question has

Asked = tuple[int, Question]  # place of a clip, and a question about it


@settings(frozen=True, kw_only=True, config=STRICT)
class Lengths:
    """Most words that are read; longer texts are refused, not cut."""

    question: PositiveInt = 20
    choice: PositiveInt = 12


@dataclass(frozen=True, kw_only=True)
class Language:
    """What a model can be asked, and can answer.

    Attributes:
        vocabulary: its words.
        answers: of descriptive questions, in order: the columns of its logits.
        lengths: most words.
        common: the answer that training questions of a kind have most often (`kind_of`).
        kinds: the answers that training questions of a kind have.
    """

    vocabulary: Vocabulary
    answers: tuple[str, ...]
    lengths: Lengths
    common: dict[str, str]
    kinds: dict[str, tuple[str, ...]]


def kind_of(question: Question) -> str:
    """The subtype of a descriptive question where it is told, else the type."""
    return question.question_subtype or question.question_type


def language_of(questions: Iterable[Question], lengths: Lengths) -> Language:
    """What the training questions teach.

    Raises:
        DiasError: there are none.
        QuestionError: one has no answer, as those of the published test split.
    """
    asked = list(questions)
    texts = [question.question for question in asked]
    texts += [choice.choice for question in asked for choice in question.choices or ()]
    told: dict[str, Counter[str]] = {}
    for question in asked:
        told.setdefault(kind_of(question), Counter()).update(_answers(question))
    if not told:
        raise DiasError("questions: there are none to learn from; give videos with questions")
    answers = {one.answer for one in asked if one.answer is not None}
    return Language(
        vocabulary=Vocabulary.of(texts),
        answers=tuple(sorted(answers)),
        lengths=lengths,
        common={kind: min(found, key=lambda word: (-found[word], word)) for kind, found in told.items()},
        kinds={kind: tuple(sorted(found)) for kind, found in told.items()},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """One row a decision.

    Attributes:
        clip: place of the clip that is asked about.
        question: numbers of its words; 0 behind them.
        choice: likewise; zeros where the question is descriptive.
        answer: of a descriptive question the column of its answer (`UNKNOWN` of one that no training question
            has); of a choice 1 if it is right, 0 if not.
        type: place in `TYPES`.
        number: of the question; the choices of one share it.
        kinds: of each question, by its number.
    """

    clip: Int64[Tensor, " q"]
    question: Int64[Tensor, "q l"]
    choice: Int64[Tensor, "q c"]
    answer: Int64[Tensor, " q"]
    type: Int64[Tensor, " q"]
    number: Int64[Tensor, " q"]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def descriptive(self) -> Bool[Tensor, " q"]:
        """Which are answered by a word."""
        return self.type == DESCRIPTIVE


def decisions(asked: Sequence[Asked], language: Language) -> Decisions:
    """Put questions into numbers.

    Args:
        asked: clip and question.
        language: of the model.

    Raises:
        QuestionError: a word is unknown, a text too long, or an answer missing (as in the published test
            split).
    """
    rows = [
        row
        for number, (clip, question) in enumerate(asked)
        for row in _rows(clip, question, number, language)
    ]
    columns = [torch.tensor(column, dtype=torch.int64) for column in zip(*rows, strict=True)] or [
        *(torch.zeros(0, dtype=torch.int64),),
        torch.zeros(0, language.lengths.question, dtype=torch.int64),
        torch.zeros(0, language.lengths.choice, dtype=torch.int64),
        *(torch.zeros(0, dtype=torch.int64) for _ in range(3)),
    ]
    clip, question, choice, answer, kind, number = columns
    return Decisions(
        clip=clip, question=question, choice=choice, answer=answer, type=kind, number=number,
        kinds=tuple(kind_of(question) for _, question in asked),
    )  # fmt: skip


def _rows(
    clip: int, question: Question, number: int, language: Language
) -> Iterator[tuple[int, list[int], list[int], int, int, int]]:
    words = language.vocabulary.encode(question.question, room=language.lengths.question)
    kind, room = TYPES.index(question.question_type), language.lengths.choice
    told = _answers(question)
    if question.choices is None:
        columns = language.answers
        answer = columns.index(told[0]) if told[0] in columns else UNKNOWN
        yield clip, words, [PADDING] * room, answer, kind, number
    for choice, answered in zip(question.choices or (), told, strict=False):
        said = language.vocabulary.encode(choice.choice, room=room, what="choice")
        yield clip, words, said, int(answered == "correct"), kind, number


def _answers(question: Question) -> list[str]:
    """The answer, or those of the choices."""
    told = [question.answer] if question.choices is None else [one.answer for one in question.choices]
    known = [one for one in told if one is not None]
    if len(known) < len(told) or not told:
        raise QuestionError(
            f"question {question.question!r}: has no answer (those of the test split are not published); "
            "give questions with answers"
        )
    return known
