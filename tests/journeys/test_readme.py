"""The README is true: every `dias` command and Python block in it is run, in its order, in one folder.

Training is shortened to two steps. `make demo` and `make test` are run as they are before a release.
"""

import ctypes.util
import re
import sys
from pathlib import Path

import pytest
from pages import ROOT, blocks, commands, run, run_dias

README = "README.md"


@pytest.mark.slow
def test_every_command_works(reader: Path) -> None:
    ours = [words[1:] for words in commands(README) if words[0] == "dias"]
    assert len(ours) >= 12
    for words in ours:
        if words[0] == "synth" and not ctypes.util.find_library("EGL"):
            continue
        run_dias(words, reader)
    for made in (
        "segments/segments.json",
        "features",
        "runs/mine/best.safetensors",
        "result.json",
        "report.html",
    ):
        assert (reader / made).exists()


def test_every_python_block_works(reader: Path) -> None:
    assert len(blocks(README, "python")) == 2
    for block in blocks(README, "python"):
        run([sys.executable, "-c", block], reader)


def test_other_commands_are_those_of_the_makefile() -> None:
    others = [words for words in commands(README) if words[0] != "dias"]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for words in others:
        assert words[0] in ("make", "pip")
        assert words[0] != "make" or words[1] in targets


def test_files_that_it_names_exist() -> None:
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", (ROOT / README).read_text(encoding="utf-8")):
        assert (ROOT / link.partition("#")[0]).exists(), link
