"""The script of a stranger's path: its commands are ones that the program takes; servers are waited for."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import typer

from dias.cli.main import app


@pytest.fixture(scope="module")
def path(benchmark_of: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_of("strangers_path")


def test_every_command_would_be_taken(
    path: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path, "_there_is", lambda *any: True)
    verbs = typer.main.get_group(app).commands
    told = [step.words[1:] for step in path.steps(tmp_path, {}, photo=True, steps=3, port=8000)]
    known = [words for words in told if words[0] in verbs]
    assert [words[0] for words in known][:7] == [*["segment"] * 3, "cache", "train", "segment", "serve"]
    for verb, *words in known:
        verbs[verb].make_context(verb, list(words))


def test_a_server_counts_until_it_answers_and_is_stopped(path: ModuleType, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    address = f"http://127.0.0.1:{port}/"
    step = path.Step(title="a server", words=words, answers=address)
    assert 0 < path.walked(step, tmp_path, dict(os.environ)) < 60
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("answers", [None, "http://127.0.0.1:9/"])
def test_a_step_that_fails_ends_it_with_its_last_lines(
    path: ModuleType, tmp_path: Path, answers: str | None
) -> None:
    words = (sys.executable, "-c", "print('no such thing'); raise SystemExit(3)")
    with pytest.raises(SystemExit, match="a step: failed\nno such thing"):
        path.walked(path.Step(title="a step", words=words, answers=answers), tmp_path, dict(os.environ))


def test_it_starts_from_an_empty_folder_and_own_things(path: ModuleType, tmp_path: Path) -> None:
    assert path.own_things(tmp_path / "new", None, None) == path.COUNT
    assert len(list((tmp_path / "new" / "pictures").iterdir())) == path.COUNT
    kept = path.environment(tmp_path, no_pip_cache=True)
    assert kept["PATH"].startswith(str(tmp_path / "venv" / "bin"))
    assert kept["PIP_NO_CACHE_DIR"] == "1"
    assert "PYTHONPATH" not in kept


def test_the_result_names_no_place_of_this_machine(path: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    words = [
        sys.executable,
        "-m",
        "venv",
        f"{path.HOME}[app]",
        "--photo",
        "/home/me/my cat.jpg",
        "--out=/a/r.json",
    ]
    said = path.told([*words, f"{folder}/x", "http://127.0.0.1:3/a/b"], folder)
    assert said == (
        "python3 -m venv 'CHECKOUT[app]' --photo 'my cat.jpg' --out=r.json FOLDER/x http://127.0.0.1:3/a/b"
    )
