"""A result of reasoning for a terminal."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dias.reasoning.questions import TYPES
from dias.reasoning.scores import Reasoning, Row


def table(found: Reasoning) -> Table:
    """A row a way of answering, in percent; of questions with choices per option and per question."""
    first = found.rows[0]
    questions = sum(one.questions for one in first.scores)
    made = Table(box=SIMPLE_HEAD, title=f"{questions} questions about {found.clips} clips, in percent")
    made.add_column("")
    for one in first.scores:
        for part in ("",) if not one.options else (" /option", " /question"):
            made.add_column(one.type + part, justify="right", min_width=len(one.type))
    counts = [
        str(n) for one in first.scores for n in ((one.options,) if one.options else ()) + (one.questions,)
    ]
    for row in found.rows:
        made.add_row(row.name, *_cells(row))
    made.add_row("number", *counts)
    return made


def by_kind(found: Reasoning) -> Table | None:
    """The descriptive questions, kind by kind; None if there is none."""
    kinds = {kind: None for row in found.rows for one in row.scores for kind in one.by_kind}
    if not kinds:
        return None
    made = Table(box=SIMPLE_HEAD)
    made.add_column(TYPES[0])
    for kind in kinds:
        made.add_column(kind.removeprefix("query_"), justify="right")
    for row in found.rows:
        told = {kind: value for one in row.scores for kind, value in one.by_kind.items()}
        made.add_row(row.name, *(_percent(told[kind]) for kind in kinds))
    return made


def _cells(row: Row) -> list[str]:
    return [
        _percent(value)
        for one in row.scores
        for value in ((one.per_option,) if one.options else ()) + (one.per_question,)
    ]


def _percent(value: float) -> str:
    return "-" if value != value else f"{100 * value:.1f}"
