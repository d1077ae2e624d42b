"""What is said where a library is missing."""

import re
import tomllib
from pathlib import Path

from dias.errors import how_to_install

ROOT = Path(__file__).parents[1]


def test_an_extra_is_installed_from_a_package_or_a_checkout() -> None:
    line = "pip install 'dias-ocl[video]' (in a checkout: pip install -e '.[video]')"
    assert how_to_install("video") == line


def test_hints_name_extras_that_there_are_and_come_from_one_place() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named, typed = set(), []
    for file in (ROOT / "src" / "dias").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        named |= set(re.findall(r"how_to_install\(['\"](\w+)['\"]\)", text))
        typed += [file.name] if "pip install" in text else []
    assert len(named) >= 7
    assert named <= known.keys()
    assert typed == ["errors.py"]


def test_pages_tell_both_ways() -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        text = " ".join(page.read_text(encoding="utf-8").split())
        for extra in re.findall(r"pip install 'dias-ocl\[(\w+)\]'", text):
            assert f"pip install -e '.[{extra}]'" in text, page
