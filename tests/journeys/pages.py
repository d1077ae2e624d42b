"""Commands that a page shows, and how they are run."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHORT = [
    *("--set", "training.steps=2", "--set", "training.batch=4", "--set", "data.workers=0"),
    *("--set", "model.pca=null"),  # its fit looks at all pictures
]


_FENCED = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]*?) -->\n)?"
    r"```(?P<language>\w*)(?: title=\"(?P<title>[^\"]*)\")?\n(?P<text>.*?)^```",
    flags=re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: where it begins.
        language: behind the fence; may be empty.
        text: what is inside.
        title: a file's name, where it is the content of one.
        not_run: why it cannot be run, from `<!-- not run: REASON -->` in the line above; else None.
    """

    line: int
    language: str
    text: str
    title: str | None
    not_run: str | None


def fenced(page: str) -> list[Block]:
    """Every fenced block of a page, in its order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(
            line=text.count("\n", 0, found.start("text")),
            language=found["language"],
            text=found["text"],
            title=found["title"],
            not_run=found["reason"],
        )
        for found in _FENCED.finditer(text)
    ]


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a language, but for the contents of files."""
    return [one.text for one in fenced(page) if one.language == language and one.title is None]


def commands(page: str) -> list[list[str]]:
    """Words of every line of every shell block."""
    return [words for block in blocks(page, "sh") for words in lines_of(block)]


def lines_of(block: str) -> list[list[str]]:
    """Words of every line of a shell block; a backslash joins two."""
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def loose_commands(page: str) -> list[list[str]]:
    """Words of what begins with `dias ` outside shell blocks: indented, in blocks without a language."""
    text = _FENCED.sub(lambda found: "" if found["language"] else found["text"], (ROOT / page).read_text())
    lines = re.findall(r"^ *(?:\$ )?(dias .*)$", text.replace("\\\n", " "), flags=re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def inline_commands(page: str) -> list[str]:
    """Every `dias ...` between backticks, as it stands."""
    text = _FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return [" ".join(found.split()) for found in re.findall(r"`(dias [^`]+)`", text)]


def run_dias(words: list[str], home: Path) -> None:
    """Run one command of a page; training is shortened to two steps, and does not reduce features."""
    more = SHORT if words[0] in ("train", "compare") else []
    run([sys.executable, "-m", "dias.cli.main", *words, *more], home)


def run(command: list[str], home: Path) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr[-2000:]}"
