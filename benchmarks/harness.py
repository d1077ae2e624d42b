"""How everything here is measured: warm-up, repeats in turn, median and spread, provenance, a table."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from dias.files import write_json
from dias.metrics import mean_and_deviation
from dias.provenance import record

RESULTS = Path(__file__).parent / "results"
Row = dict[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Of one call, in milliseconds; `spread` is the interquartile range."""

    median: float
    spread: float


def median_ms(call: Callable[[], object], *, repeats: int = 15, warm_up: int = 3) -> Timing:
    """Time one call."""
    return compare({"it": call}, repeats=repeats, warm_up=warm_up)["it"]


def compare(
    calls: Mapping[str, Callable[[], object]],
    *,
    repeats: int = 15,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time several calls in turn, so that what slows the machine down for a while meets all of them.

    Args:
        calls: what is timed, by name.
        repeats: times that each is called.
        warm_up: times that each is called before.
        clock: `time.process_time` counts what a core does for this process, whoever else wants that core.
    """
    for call in calls.values():
        for _ in range(warm_up):
            call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(_once_ms(call, clock))
    return {name: _timing(found) for name, found in times.items()}


def save(name: str, rows: Sequence[Row], *, about: str) -> Path:
    """Write `results/NAME.json`: the rows, and command, revision, versions and machine."""
    file = RESULTS / f"{name}.json"
    write_json(file, {"about": about, "rows": list(rows), "provenance": record().to_dict()})
    return file


def markdown(rows: Sequence[Row]) -> str:
    """A table as Markdown; numbers with three digits."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_text(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def spread(values: Sequence[float], *, percent: bool = True) -> str:
    """Mean of seeds, and ± sample standard deviation where there are several; shares in percent."""
    scale, digits = (100, 1) if percent else (1, 2)
    found = mean_and_deviation([scale * value for value in values])
    more = f" ± {found.deviation:.{digits}f}" if len(values) > 1 else ""
    return f"{round(found.mean, digits) + 0.0:.{digits}f}{more}"  # + 0.0: no minus before a zero


def run_dias(words: Sequence[object], *, threads: int | None = None) -> None:
    """Run the command line in a process of its own; end with what it said where it fails."""
    command = [sys.executable, "-m", "dias.cli.main", *(str(word) for word in words)]
    surroundings = os.environ | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"`dias {' '.join(command[3:])}` failed:\n{done.stderr[-2000:]}")


def _once_ms(call: Callable[[], object], clock: Callable[[], float]) -> float:
    _wait()
    start = clock()
    call()
    _wait()
    return (clock() - start) * 1e3


def _wait() -> None:
    """A GPU works on while Python runs ahead."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _timing(times: Sequence[float]) -> Timing:
    low, middle, high = statistics.quantiles(times, n=4)
    return Timing(median=middle, spread=high - low)


def _text(value: str | int | float) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
