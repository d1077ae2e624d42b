"""What is known of a method in a comparison, and how a quantity of it is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dias.comparison.plan import Method
from dias.evaluation import Evaluation
from dias.evaluation.clips import ClipEvaluation
from dias.metrics import mean_and_deviation
from dias.training.cost import Cost


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What is known of a method.

    Attributes:
        seeds: that were trained and measured.
        evaluations: of each of these seeds, where images are measured.
        clips: of each of these seeds, where clips are.
        costs: of each of these seeds, all stages together.
        images_per_second: that are segmented, pictures in, masks out; None where nothing was measured.
        failures: what went wrong, in lines.
    """

    method: Method
    seeds: tuple[int, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    clips: tuple[ClipEvaluation, ...] = ()
    costs: tuple[Cost, ...] = ()
    images_per_second: float | None = None
    failures: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name

    @property
    def measured(self) -> bool:
        """Whether any of its runs is."""
        return bool(self.evaluations or self.clips)

    @property
    def checkpoints(self) -> list[str]:
        """SHA-256 of the file of each run that was measured."""
        origins = [one.provenance for one in self.evaluations] or [one.provenance for one in self.clips]
        return [str(origin["hashes"]["checkpoint"]) for origin in origins]


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


def percent(mean: float) -> Unit:
    """Of scores from 0 to 1."""
    return Unit(size=0.01, digits=1)


def count(mean: float) -> Unit:
    """Of a mean of whole numbers."""
    return Unit(size=1.0, digits=1)
