"""A question that may be asked, with what balancing needs to know of it."""

from dataclasses import dataclass

from dias.data.clevrer.log import EventLog
from dias.data.clevrer.programs import answer_of
from dias.data.clevrer.values import Choice, Question, QuestionType
from dias.data.synthetic.clevrer.wording import Phrase


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A question, and how it is balanced.

    Attributes:
        question: numbered 0.
        key: what its words tell of its answer at most; among those of one key answers are balanced.
        answer: of a descriptive one; of others `changed` where the video's own events answer it wrongly.
    """

    question: Question
    key: str
    answer: str


def descriptive(log: EventLog, words: str, program: tuple[str, ...], *, subtype: str, key: str) -> Candidate:
    """Answer a descriptive question by its program.

    Raises:
        ProgramError: it cannot be answered.
    """
    answer = answer_of(log, program)
    question = Question(
        question_id=0,
        question=words,
        question_type="descriptive",
        question_subtype=subtype,
        program=program,
        answer=answer,
    )
    return Candidate(question=question, key=f"{subtype}: {key}", answer=answer)


def choosing(
    log: EventLog,
    words: str,
    program: tuple[str, ...],
    choices: list[Phrase],
    *,
    type: QuestionType,
    key: str,
    balance: str = "",
) -> Candidate:
    """Judge each choice by its program, followed by the question's.

    Raises:
        ProgramError: one cannot be judged.
    """
    judged = tuple(
        Choice(
            choice_id=number,
            choice=choice.words,
            program=choice.program,
            answer="correct" if answer_of(log, program, choice.program) == "correct" else "wrong",
        )
        for number, choice in enumerate(choices)
    )
    question = Question(question_id=0, question=words, question_type=type, program=program, choices=judged)
    return Candidate(question=question, key=f"{type}: {key}", answer=balance)
