"""The quantities that a comparison's tables show: scores of images, and what training and use cost."""

from collections.abc import Sequence
from typing import Any

from dias.comparison.clip_columns import TRACKS, WHOLE
from dias.comparison.columns import Column, MethodRow, Number, Unit, count, over_seeds, percent
from dias.evaluation.results import METRIC_NAMES, METRICS, Metric, Row


def score_columns(rows: Sequence[MethodRow], baselines: Sequence[Row]) -> list[Column]:
    """Scores of the final masks by the protocol, and how many slots they have; of clips, if any row is."""
    if any(row.clips for row in rows):
        return [*WHOLE, *TRACKS]
    told = [row.best_map.mean.mbo_class for one in rows for row in one.evaluations]
    told += [row.mean.mbo_class for row in baselines]
    classes = any(value == value for value in told)
    shown = [metric for metric in METRICS if metric != "mbo_class" or classes]
    return [*(_score(metric) for metric in shown), KEPT]


def _score(metric: Metric) -> Column:
    return Column(
        title=METRIC_NAMES[metric],
        key=metric,
        values=lambda row: [getattr(one.best_map.mean, metric) for one in row.evaluations],
        unit=percent,
        more_is_better=True,
    )


def _time(mean: float) -> Unit:
    if mean >= 2 * 3600:
        return Unit(size=3600.0, digits=1, name="h")
    return Unit(size=60.0, digits=1, name="min") if mean >= 120 else Unit(size=1.0, digits=1, name="s")


def _memory(mean: float) -> Unit:
    return Unit(size=1e9, digits=2, name="GB")


def _millions(mean: float) -> Unit:
    return Unit(size=1e6, digits=2, name="M")


def _rate(mean: float) -> Unit:
    return Unit(size=1.0, digits=0 if mean >= 100 else 1, name="/s")


KEPT = Column(
    title="slots",
    key="slots_kept",
    values=lambda row: [float(one.slots_kept.mean()) for one in row.evaluations],
    unit=count,
)
GPU_MEMORY = Column(
    title="GPU memory",
    key="peak_gpu_memory_bytes",
    values=lambda row: [float(max(one.peak_gpu_memory or 0 for one in row.costs))] if row.costs else [],
    unit=_memory,
    more_is_better=False,
)
_COSTS = (
    Column(
        title="training",
        key="training_seconds",
        values=lambda row: [one.training.seconds for one in row.costs],
        unit=_time,
        more_is_better=False,
    ),
    Column(
        title="CPU time",
        key="training_cpu_seconds",
        values=lambda row: [one.training.cpu_seconds for one in row.costs],
        unit=_time,
        more_is_better=False,
    ),
    Column(
        title="memory",
        key="peak_memory_bytes",
        values=lambda row: [float(max(one.peak_memory for one in row.costs))] if row.costs else [],
        unit=_memory,
        more_is_better=False,
    ),
    Column(
        title="params",
        key="trained_parameters",
        values=lambda row: [float(one.trained_parameters) for one in row.costs[:1]],
        unit=_millions,
        more_is_better=False,
    ),
    Column(
        title="trains",
        key="training_pictures_per_second",
        values=lambda row: [one.pictures_per_second for one in row.costs],
        unit=_rate,
        more_is_better=True,
        spread=False,
    ),
    Column(
        title="segments",
        key="segmented_images_per_second",
        values=lambda row: [] if row.images_per_second is None else [row.images_per_second],
        unit=_rate,
        more_is_better=True,
    ),
)
_TOLD = (  # in CSV and JSON alone
    Column(
        title="setup",
        key="setup_seconds",
        values=lambda row: [one.setup.seconds for one in row.costs],
        unit=_time,
    ),
    Column(
        title="validation",
        key="validation_seconds",
        values=lambda row: [one.validation.seconds for one in row.costs],
        unit=_time,
    ),
    Column(
        title="all CPU time",
        key="total_cpu_seconds",
        values=lambda row: [one.total.cpu_seconds for one in row.costs],
        unit=_time,
    ),
    Column(
        title="frozen",
        key="frozen_parameters",
        values=lambda row: [float(one.frozen_parameters) for one in row.costs[:1]],
        unit=_millions,
    ),
    Column(
        title="steps",
        key="steps",
        values=lambda row: [float(one.steps) for one in row.costs[:1]],
        unit=count,
    ),
)


def cost_columns(rows: Sequence[MethodRow]) -> list[Column]:
    """What training and use cost; the GPU's memory where there was one."""
    columns = list(_COSTS)
    if any(one.peak_gpu_memory is not None for row in rows for one in row.costs):
        columns.insert(3, GPU_MEMORY)
    return columns


def plain(row: MethodRow, columns: Sequence[Column]) -> dict[str, Any]:
    """A row as plain values: means and spreads, under the columns' keys."""
    found: dict[str, Any] = {
        "method": row.name,
        "seeds": " ".join(map(str, row.seeds)),
        "failed": "; ".join(row.failures),
    }
    for column in (*columns, *_TOLD):
        number = column.number(row)
        found[column.key] = None if number is None else number.mean
        found[f"{column.key}_std"] = None if number is None else number.spread
    return found


def plain_baseline(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    """The same of a row that needs no training."""
    found: dict[str, Any] = {"method": row.variant}
    for column in columns:
        value = baseline_number(row, column)
        if value is not None:
            found[column.key] = value.mean
    return found


def baseline_number(row: Row, column: Column) -> Number | None:
    """What a column says of a row that needs no training."""
    if column is KEPT:
        return None if row.segments is None else over_seeds([float(row.segments.mean())])
    mean = {metric: float(getattr(row.mean, metric)) for metric in METRICS}
    return over_seeds([mean[metric] for metric in METRICS if metric == column.key])
