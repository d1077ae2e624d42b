"""Every Python block of README and docs/ runs, and every `dias` command is one that the program would take.

A block that cannot be run alone says why in the line above it: `<!-- not run: REASON -->`. Names that a
page's prose speaks of (a model, a path) are given here.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
import typer
from pages import ROOT, commands, fenced, inline_commands, loose_commands
from PIL import Image

import tiny_clip_run
from dias.backbones import Tokens
from dias.cli.main import app
from dias.inference.shortcuts import load

ALL = ["README.md", *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md")))]
ELSEWHERE = {"README.md", "docs/tutorial.md", "docs/extend.md"}  # a test file each
WITH_PYTHON = [p for p in ALL if p not in ELSEWHERE and any(b.language == "python" for b in fenced(p))]
FEW = 4  # blocks that may be left out, in all


def given(page: str, tiny: Path, folder: Path) -> dict[str, Any]:
    """Names that a page takes as given."""
    if page == "docs/video.md":
        return {"frames": [Tokens(features=torch.randn(1, 256, 384), grid=(16, 16)) for _ in range(2)]}
    if page == "docs/video-metrics.md":
        model = load(tiny / "run", device="cpu")
        path = ROOT / "data" / "clips" / "crossing"
        return {"model": model, "path": path, "path_of_json": folder / "clips.json"}
    if page == "docs/clevrer.md":
        (folder / "toys").symlink_to(ROOT / "tests" / "miniatures" / "clevrer")
    if page in ("docs/pretrained.md", "docs/quality.md"):
        Image.fromarray(np.zeros((60, 80, 3), dtype=np.uint8)).save(folder / "photo.jpg")
    if page == "docs/slots.md":
        (folder / "two").mkdir()
        for name in ("000000.webp", "000001.webp"):
            shutil.copy(ROOT / "data" / "scenes" / "test" / "images" / name, folder / "two")
        run("slots", "data/models/scenes-cpu.safetensors", "two", "--out", "slots")
        tiny_clip_run.make_clips(folder / "clips", 2, seed=0)
        run("slots", str(tiny / "run"), "clips", "--follow", "--out", "slots-clips")
    if page == "docs/track.md":
        clip = "data/clips/test/frames/000000"
        run("track", str(tiny / "run"), clip, "--rate", "10", "--seconds", "0.2", "--out", "tracks")
    return {}


def run(*words: str) -> None:
    """A command, in this process."""
    app(list(words), standalone_mode=False)


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_every_python_block_runs(
    page: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a page one after another, as a reader would paste them beside the repository's data."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "a page", **given(page, tiny, tmp_path)}
    for block in fenced(page):
        if block.language == "python" and block.not_run is None:
            exec(compile(block.text, f"{page}:{block.line}", "exec"), names)


def test_few_blocks_are_left_out_and_each_says_why() -> None:
    left_out = [(page, block) for page in ALL for block in fenced(page) if block.not_run is not None]
    assert all(block.not_run for _, block in left_out), left_out
    assert len(left_out) <= FEW, left_out


@pytest.mark.parametrize("page", ALL)
def test_every_command_would_be_taken(page: str) -> None:
    """Verb, options, number of arguments and kinds of values; nothing is run."""
    for words in [*commands(page), *loose_commands(page)]:
        if words[0] == "dias":
            taken([re.sub(r"\$\w+", "1", word) for word in words[1:]])  # `$seed` of a loop


@pytest.mark.parametrize("page", ALL)
def test_options_named_between_backticks_are_there(page: str) -> None:
    """Of `dias eval RUN --threshold auto` in a sentence, which may leave arguments out."""
    for line in inline_commands(page):
        words = line.split()[1:]
        if len(words) == 1 and "not here yet" in (ROOT / page).read_text(encoding="utf-8"):
            continue  # the page may speak of a verb that is to come
        verb, command, rest = found(words, where=line)
        known = {option for part in command.params for option in (*part.opts, *part.secondary_opts)}
        options = {word.split("=")[0].rstrip(",;.") for word in rest if word.startswith("--")}
        assert options <= known | {"--help"}, f"{page}: `{line}`: {verb} has no {options - known}"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["segmemt", "x"], "no verb"),
        (["segment", "run", "pictures", "--out", "o", "--mapp", "decoder"], "No such option"),
        (["segment", "run", "pictures", "--out", "o", "--map", "both"], "is not one of"),
        (["track", "run"], "Missing"),
        (["data", "check"], "Missing"),
    ],
)
def test_a_wrong_command_would_be_noticed(words: list[str], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        taken(words)


def found(words: list[str], *, where: str) -> tuple[str, Any, list[str]]:
    """The command that words begin with, and the words after it."""
    command: Any = typer.main.get_group(app)
    verb: list[str] = []
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        if command.name == "report" and words[0] not in command.commands:
            words = ["run", *words]  # as the program does
        assert words[0] in command.commands, f"{where}: there is no verb {words[0]!r}"
        verb, command, words = [*verb, words[0]], command.commands[words[0]], words[1:]
    return " ".join(verb), command, words


def taken(words: list[str]) -> None:
    """Parse a command as the program does, and stop before it would begin."""
    line = "dias " + " ".join(words)
    verb, command, rest = found(words, where=line)
    parse: Callable[..., Any] = command.make_context
    try:
        parse(verb, list(rest), resilient_parsing=False)
    except (click.exceptions.Exit, SystemExit):
        pass  # --help, --version
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer may bring a click of its own: no class to name
            raise
        raise AssertionError(f"`{line}`: {error.format_message()}") from error
