"""Commands that a page shows, and how they are run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHORT = [
    *("--set", "training.steps=2", "--set", "training.batch=4", "--set", "data.workers=0"),
    *("--set", "model.pca=null"),  # its fit looks at all pictures
]


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """Words of every line of every shell block."""
    whole = (block.replace("\\\n", " ") for block in blocks(page, "sh"))
    lines = [line for block in whole for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run_dias(words: list[str], home: Path) -> None:
    """Run one command of a page; training is shortened to two steps, and does not reduce features."""
    more = SHORT if words[0] in ("train", "compare") else []
    run([sys.executable, "-m", "dias.cli.main", *words, *more], home)


def run(command: list[str], home: Path) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr[-2000:]}"
