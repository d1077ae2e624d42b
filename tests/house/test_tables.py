"""Number tables of the pages are what the result files say: none is typed by hand, none is out of date."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("tables")


def test_every_page_is_as_its_results_say(tables: ModuleType) -> None:
    pages = tables.pages()
    assert ROOT / "docs" / "methods" / "spot-stage-2.md" in pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert tables.filled(text) == text, f"{page}: run `python benchmarks/tables.py`"


def test_every_place_for_a_table_is_closed(tables: ModuleType) -> None:
    """One that is not closed would stay empty, or swallow what comes after."""
    for page in tables.pages():
        marks = re.findall(r"<!-- (table|end)\b", page.read_text(encoding="utf-8"))
        assert marks == ["table", "end"] * (len(marks) // 2), page


def test_a_table_is_made_of_the_rows_and_says_where_they_are_from(tables: ModuleType) -> None:
    place = "<!-- table: spot-steps-cpu-cpu -->\nold\n<!-- end -->"
    made = tables.filled(f"before\n{place}\nafter")
    assert made.startswith("before\n<!-- table: spot-steps-cpu-cpu -->\na step from 8 pictures")
    assert "| spot-cpu | 1684 |" in made
    assert "`python benchmarks/spot_steps.py --size cpu --batch 8 --repeats 5`" in made
    assert made.endswith("<!-- end -->\nafter")
    assert "old" not in made
