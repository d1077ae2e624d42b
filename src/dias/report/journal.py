"""What a run wrote down while it trained."""

import json
from dataclasses import dataclass
from pathlib import Path

from dias.errors import FileError


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One quantity over training: steps and values, of the same length."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


def read_curves(run: Path) -> dict[str, Curve]:
    """Read metrics.jsonl of a run's folder: one curve for each quantity.

    A line that a crash cut short is left out, and so are values that are not numbers.

    Raises:
        FileError: the folder holds no metrics.jsonl.
    """
    file = run / "metrics.jsonl"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FileError(
            file, f"cannot be read ({error.strerror})", do="give a folder that `dias train` wrote"
        ) from None
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            step = int(entry.pop("step"))
        except (ValueError, KeyError, AttributeError, TypeError):
            continue
        for name, value in entry.items():
            if isinstance(value, int | float):
                found.setdefault(name, []).append((step, float(value)))
    return {name: _curve(name, points) for name, points in found.items()}


def _curve(name: str, points: list[tuple[int, float]]) -> Curve:
    return Curve(
        name=name, steps=tuple(step for step, _ in points), values=tuple(value for _, value in points)
    )
