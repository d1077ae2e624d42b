"""A row of a comparison: everything that is known of one method, and the quantities that tables show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dias.comparison.plan import Method
from dias.evaluation import Evaluation
from dias.evaluation.results import METRIC_NAMES, METRICS, Metric, Row
from dias.metrics import mean_and_deviation
from dias.training.cost import Cost


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What is known of a method.

    Attributes:
        seeds: that were trained and measured.
        evaluations: of each of these seeds.
        costs: of each of these seeds, all stages together.
        images_per_second: that are segmented, pictures in, masks out; None where nothing was measured.
        failures: what went wrong, in lines.
    """

    method: Method
    seeds: tuple[int, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    costs: tuple[Cost, ...] = ()
    images_per_second: float | None = None
    failures: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name


@dataclass(frozen=True, kw_only=True)
class Number:
    """Mean over seeds, and sample standard deviation (ddof=1): None for a single seed."""

    mean: float
    spread: float | None = None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How a quantity is written: divided by `size`, with so many digits after the point, and a name."""

    size: float
    digits: int
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A quantity of a method.

    Attributes:
        title: in tables.
        key: in CSV and JSON.
        values: of each seed, in the units of CSV and JSON.
        unit: that a mean is best written in.
        spread: whether people are told the spread, too.
        more_is_better: None where neither is.
    """

    title: str
    key: str
    values: Callable[[MethodRow], Sequence[float]]
    unit: Callable[[float], Unit]
    more_is_better: bool | None = None
    spread: bool = True

    def number(self, row: MethodRow) -> Number | None:
        """Over seeds; None where nothing is known."""
        return over_seeds(self.values(row))

    def cell(self, row: MethodRow) -> str:
        """As people read it: `61.2±1.0`, `35±2 s`."""
        number = self.number(row)
        if number is not None and not self.spread:
            number = Number(mean=number.mean)
        return written(number, self.unit)


def over_seeds(values: Sequence[float]) -> Number | None:
    """Mean and sample standard deviation; None of nothing, and of what is not a number."""
    if not values or any(value != value for value in values):
        return None
    if len(values) == 1:
        return Number(mean=float(values[0]))
    found = mean_and_deviation([float(value) for value in values])
    return Number(mean=found.mean, spread=found.deviation)


def written(number: Number | None, unit: Callable[[float], Unit]) -> str:
    """A mean and its spread in one unit."""
    if number is None:
        return "-"
    chosen = unit(number.mean)
    parts = [number.mean] if number.spread is None else [number.mean, number.spread]
    text = "±".join(f"{part / chosen.size:.{chosen.digits}f}" for part in parts)
    return f"{text} {chosen.name}".strip()


def score_columns(rows: Sequence[MethodRow], baselines: Sequence[Row]) -> list[Column]:
    """Scores of the final masks by the protocol, and how many slots they have."""
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


def percent(mean: float) -> Unit:
    """Of scores from 0 to 1."""
    return Unit(size=0.01, digits=1)


def _count(mean: float) -> Unit:
    return Unit(size=1.0, digits=1)


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
    unit=_count,
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
        unit=_count,
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
