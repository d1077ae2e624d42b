"""A comparison's tables: on the terminal, as Markdown and as CSV."""

import csv
import io
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dias.comparison.caption import caption
from dias.comparison.clip_columns import TRACKS, WHOLE
from dias.comparison.columns import Column, MethodRow, written
from dias.comparison.plan import Plan
from dias.comparison.rows import (
    baseline_number,
    cost_columns,
    plain,
    plain_baseline,
    score_columns,
)
from dias.evaluation import Row
from dias.evaluation.tables import ORACLE
from dias.provenance import Provenance

Cells = list[str]


def tables(plan: Plan, rows: Sequence[MethodRow], baselines: Sequence[Row] = ()) -> list[Table]:
    """Scores and costs for a terminal of 80 columns; a column's best is bold, the oracle's apart."""
    made = []
    for title, columns, more in sections(rows, baselines):
        table = Table(box=SIMPLE_HEAD, title=title, padding=0, pad_edge=False, show_edge=False)
        table.add_column("method", overflow="fold")
        table.add_column("seeds", no_wrap=True)
        for column in columns:
            table.add_column(column.title, justify="right", no_wrap=True)
        lines = cells(rows, columns, more, bold=("[bold]", "[/bold]"))
        for number, line in enumerate(lines):
            table.add_row(*line, end_section=number == len(rows) - 1)
        made.append(table)
    return made


def short(row: MethodRow, rows: Sequence[MethodRow]) -> str:
    """A method in a line: its scores, or what went wrong."""
    if not row.measured:
        return "\n".join(f"{row.name}: {line}" for line in row.failures)
    scores = [f"{column.title} {column.cell(row)}" for column in score_columns(rows, ())]
    return "\n".join([f"{row.name}: {', '.join(scores)}", *(f"{row.name}: {one}" for one in row.failures)])


def markdown(plan: Plan, rows: Sequence[MethodRow], baselines: Sequence[Row], origin: Provenance) -> str:
    """Both tables, the caption, what failed, and where it all comes from."""
    parts = []
    for title, columns, more in sections(rows, baselines):
        heads = ["method", "seeds", *(column.title for column in columns)]
        lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(columns)]
        lines += [
            "| " + " | ".join(_safe(cell) for cell in line) + " |"
            for line in cells(rows, columns, more, bold=("**", "**"))
        ]
        parts.append(f"### {title}\n\n" + "\n".join(lines))
    parts.append("\n".join(caption(plan, rows, baselines)))
    failed = [f"- {row.name}, {line}" for row in rows for line in row.failures]
    if failed:
        parts.append("Failed:\n\n" + "\n".join(failed))
    told = [f"`{origin.command}`", f"revision {origin.revision}", f"{origin.time}"]
    told += [f"{name} {value}" for name, value in origin.versions.items()]
    parts.append(", ".join(told) + ".")
    parts.append("Checkpoints (SHA-256):\n\n" + "\n".join(f"- {line}" for line in checkpoints(rows)))
    return "\n\n".join(parts) + "\n"


def comma_separated(rows: Sequence[MethodRow], baselines: Sequence[Row], origin: Provenance) -> str:
    """One line a method: means and spreads in SI units, scores from 0 to 1."""
    columns = [*score_columns(rows, baselines), *cost_columns(rows)]
    origins = {"revision": origin.revision, "command": origin.command}
    lines = []
    for row in rows:
        hashes = " ".join(row.checkpoints)
        lines.append(plain(row, columns) | {"checkpoints": hashes} | origins)
    lines += [plain_baseline(row, columns) | origins for row in baselines]
    names = dict.fromkeys(name for line in lines for name in line)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def sections(
    rows: Sequence[MethodRow], baselines: Sequence[Row]
) -> list[tuple[str, list[Column], Sequence[Row]]]:
    """Title, columns and training-free rows of each table."""
    scores: list[tuple[str, list[Column], Sequence[Row]]] = [
        ("Scores", score_columns(rows, baselines), baselines)
    ]
    if any(row.clips for row in rows):  # one table of all would be too wide for a terminal
        scores = [("Whole clips", list(WHOLE), ()), ("Tracks, and frames by themselves", list(TRACKS), ())]
    return [*scores, ("Cost", cost_columns(rows), ())]


def cells(
    rows: Sequence[MethodRow],
    columns: Sequence[Column],
    baselines: Sequence[Row],
    *,
    bold: tuple[str, str],
) -> list[Cells]:
    """Lines of a table as text, the methods' first."""
    best = _best(rows, columns, baselines)
    lines = []
    for number, row in enumerate(rows):
        texts = [column.cell(row) for column in columns]
        lines.append([row.name, _seeds(row), *_marked(texts, number, best, bold)])
    for number, one in enumerate(baselines, start=len(rows)):
        texts = [written(baseline_number(one, column), column.unit) for column in columns]
        lines.append([one.variant, "", *_marked(texts, number, best, bold)])
    return lines


def checkpoints(rows: Sequence[MethodRow]) -> list[str]:
    """The file of each run that was measured, and its hash."""
    return [
        f"{row.name}, seed {seed}: {digest}"
        for row in rows
        for seed, digest in zip(row.seeds, row.checkpoints, strict=True)
    ]


def _best(
    rows: Sequence[MethodRow], columns: Sequence[Column], baselines: Sequence[Row]
) -> set[tuple[int, int]]:
    found = set()
    for place, column in enumerate(columns):
        numbers = [column.number(row) for row in rows]
        numbers += [None if row.variant == ORACLE else baseline_number(row, column) for row in baselines]
        sign = 1 if column.more_is_better else -1
        known = [(sign * one.mean, -number) for number, one in enumerate(numbers) if one is not None]
        if column.more_is_better is not None and len(known) > 1:
            found.add((-max(known)[1], place))
    return found


def _marked(
    texts: Sequence[str], number: int, best: set[tuple[int, int]], bold: tuple[str, str]
) -> list[str]:
    return [
        f"{bold[0]}{text}{bold[1]}" if (number, place) in best else text for place, text in enumerate(texts)
    ]


def _seeds(row: MethodRow) -> str:
    planned = len(row.method.runs)
    return str(planned) if len(row.seeds) == planned else f"{len(row.seeds)} of {planned}"


def _safe(text: str) -> str:
    return text.replace("|", "\\|")
