"""Benchmarks are scripts in a folder of their own; tests import them by name."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def benchmark_of() -> Iterator[Callable[[str], ModuleType]]:
    """`benchmark_of("crossing")` is benchmarks/crossing.py."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
        yield import_module
