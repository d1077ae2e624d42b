"""Results as people read them: mean ± sample standard deviation over checkpoints, for terminal and README."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dias.config import to_dict
from dias.errors import DiasError
from dias.evaluation.protocol import Rules
from dias.evaluation.results import METRIC_NAMES, METRICS, Evaluation, Metric, Row, Scores
from dias.metrics import mean_and_deviation


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """Mean over checkpoints of a row's means over images; spread: sample standard deviation, None for one."""

    variant: str
    map: str
    mean: Scores
    spread: Scores | None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Several checkpoints (seeds) on the same images; `spread`s are None for one checkpoint.

    Attributes:
        rules: that they were measured by.
        slots_kept: mean number of slots left after the reduction.
        true_segments: mean number of segments in the ground truth, background counted.
        count_error: mean of |slots kept - true segments|.
    """

    rules: Rules
    checkpoints: int
    images: int
    rows: tuple[SummaryRow, ...]
    slots_kept: float
    slots_kept_spread: float | None
    true_segments: float
    true_objects: float
    count_error: float
    count_error_spread: float | None

    @property
    def final(self) -> SummaryRow:
        """The row of the protocol's numbers, as `Evaluation.best_map`."""
        final = [row for row in self.rows if row.variant == "final"]
        return next((row for row in final if row.map == self.rules.map), final[-1])


def summarize(evaluations: Sequence[Evaluation]) -> Summary:
    """Mean and sample standard deviation (ddof=1) over checkpoints.

    Raises:
        DiasError: there are none, or they were not measured in the same way on the same images.
    """
    if not evaluations:
        raise DiasError("summary of evaluations: there are none")
    first = evaluations[0]
    for other in evaluations[1:]:
        _check_same(first, other)
    kept = [float(one.slots_kept.mean()) for one in evaluations]
    errors = [one.count_error for one in evaluations]
    return Summary(
        rules=first.config.rules,
        checkpoints=len(evaluations),
        images=len(first.names),
        rows=tuple(
            summarize_row([one.rows[index] for one in evaluations]) for index in range(len(first.rows))
        ),
        slots_kept=float(np.mean(kept)),
        slots_kept_spread=_spread(kept),
        true_segments=float(first.true_segments.mean()),
        true_objects=float(first.true_objects.mean()),
        count_error=float(np.mean(errors)),
        count_error_spread=_spread(errors),
    )


def summarize_row(rows: Sequence[Row]) -> SummaryRow:
    """The same row of several checkpoints as one."""
    means = {metric: [getattr(row.mean, metric) for row in rows] for metric in METRICS}
    return SummaryRow(
        variant=rows[0].variant,
        map=rows[0].map,
        mean=Scores(**{metric: float(np.mean(values)) for metric, values in means.items()}),
        spread=Scores(**{metric: _deviation(values) for metric, values in means.items()})
        if len(rows) > 1
        else None,
    )


def table(summary: Summary, *, baselines: Sequence[Row] = ()) -> Table:
    """A table for a terminal of 80 columns, in percent; the names of masks are broken if need be."""
    rows = all_rows(summary, baselines=baselines)
    metrics = shown_metrics(rows)
    made = Table(
        box=SIMPLE_HEAD,
        title=_title(summary),
        caption=caption(summary),
        caption_justify="left",
        padding=(0, 1, 0, 0) if len(metrics) < len(METRICS) else 0,
        pad_edge=False,
        show_edge=False,
    )
    made.add_column("masks")
    made.add_column("from", no_wrap=True)
    for metric in metrics:
        made.add_column(METRIC_NAMES[metric], justify="right", no_wrap=True)
    best = best_values(rows)
    for index, row in enumerate(rows):
        cells = [cell(row, metric) for metric in metrics]
        marked = [
            f"[bold]{text}[/bold]" if (index, metric) in best else text
            for text, metric in zip(cells, metrics, strict=True)
        ]
        made.add_row(row.variant, row.map, *marked, end_section=index == len(summary.rows) - 1)
    return made


def markdown(summary: Summary, *, baselines: Sequence[Row] = ()) -> str:
    """The same table for a README."""
    rows = all_rows(summary, baselines=baselines)
    metrics = shown_metrics(rows)
    names = [METRIC_NAMES[metric] for metric in metrics]
    lines = ["| " + " | ".join(["masks", "from", *names]) + " |", "|---|---|" + "---:|" * len(names)]
    best = best_values(rows)
    for index, row in enumerate(rows):
        cells = [cell(row, metric) for metric in metrics]
        marked = [
            f"**{text}**" if (index, metric) in best else text
            for text, metric in zip(cells, metrics, strict=True)
        ]
        lines.append("| " + " | ".join([row.variant, row.map, *marked]) + " |")
    return "\n".join([*lines, "", f"{_title(summary)}. {caption(summary)}", ""])


def all_rows(summary: Summary, *, baselines: Sequence[Row]) -> list[SummaryRow]:
    """The model's rows, then those that need no model."""
    return [*summary.rows, *(summarize_row([row]) for row in baselines)]


def shown_metrics(rows: Sequence[SummaryRow]) -> tuple[Metric, ...]:
    """Columns of a table: class-level mBO only where the data tells classes."""
    told = any(row.mean.mbo_class == row.mean.mbo_class for row in rows)
    return tuple(metric for metric in METRICS if told or metric != "mbo_class")


def best_values(rows: Sequence[SummaryRow]) -> set[tuple[int, Metric]]:
    """Which cells (row number, metric) are a column's best, the oracle's apart."""
    best: set[tuple[int, Metric]] = set()
    for metric in METRICS:
        values = [np.nan if row.variant == ORACLE else getattr(row.mean, metric) for row in rows]
        if np.isfinite(values).any():
            best.add((int(np.nanargmax(values)), metric))
    return best


def cell(row: SummaryRow, metric: Metric) -> str:
    """Percent with one decimal, and its spread when there is one."""
    value = getattr(row.mean, metric)
    if value != value:
        return "-"
    text = f"{100 * value:.1f}"
    return text if row.spread is None else f"{text}±{100 * asdict(row.spread)[metric]:.1f}"


ORACLE = "oracle"  # no method: the ground truth itself on the token grid


def _title(summary: Summary) -> str:
    over = (
        f", mean ± sample standard deviation of {summary.checkpoints} checkpoints"
        if summary.checkpoints > 1
        else ""
    )
    beside = f"; {summary.rules.warning}" if summary.rules.warning else ""
    return f"{summary.images} images, protocol {summary.rules.name}, percent{over}{beside}"


def caption(summary: Summary) -> str:
    """Slots kept against what there is to find."""
    kept = _with_spread(summary.slots_kept, summary.slots_kept_spread)
    off = _with_spread(summary.count_error, summary.count_error_spread)
    return (
        f"slots kept {kept}, true segments {summary.true_segments:.1f} "
        f"(objects {summary.true_objects:.1f}), mean difference {off}"
    )


def _with_spread(value: float, spread: float | None) -> str:
    return f"{value:.1f}" if spread is None else f"{value:.1f}±{spread:.1f}"


def _spread(values: Sequence[float]) -> float | None:
    return _deviation(values) if len(values) > 1 else None


def _deviation(values: Sequence[float]) -> float:
    return mean_and_deviation(values).deviation


def _check_same(first: Evaluation, other: Evaluation) -> None:
    problems = []
    if to_dict(first.config) != to_dict(other.config):
        problems.append("settings")
    if first.names != other.names:
        problems.append("images")
    if [(row.variant, row.map) for row in first.rows] != [(row.variant, row.map) for row in other.rows]:
        problems.append("rows")
    if problems:
        raise DiasError(
            f"evaluations of {first.checkpoint} and {other.checkpoint}: differ in {' and '.join(problems)}; "
            "evaluate both in one call"
        )
