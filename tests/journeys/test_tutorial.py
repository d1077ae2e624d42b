"""The tutorial is true: commands and Python blocks are run in the page's order; so are the notebook's cells.

In this process, so that libraries are loaded once; training is shortened to two steps, caching to one view.
"""

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
from pages import ROOT, SHORT, fenced, lines_of

from conftest import Said

PAGE, NOTEBOOK = "docs/tutorial.md", "docs/tutorial.ipynb"
SHORTENED = {"train": SHORT, "cache": ["--views", "1"]}


@pytest.mark.slow
def test_every_step_works(dias: Callable[..., Said], reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reader)
    ran = {"sh": 0, "python": 0}
    for block in fenced(PAGE):
        if block.language == "python":
            exec(compile(block.text, f"{PAGE}:{block.line}", "exec"), {"__name__": "tutorial"})
        for words in lines_of(block.text) if block.language == "sh" else ():
            if words[0] == "dias":
                said = dias(*words[1:], *SHORTENED.get(words[1], ()))
                assert said.code == 0, f"{' '.join(words)}\n{said.err}"
        ran[block.language] += 1
    assert ran == {"sh": 6, "python": 2}
    assert len(list(reader.glob("cat-*.png"))) >= 1
    for made in (
        "first-look/cat.compare.png",
        "own/run/best.safetensors",
        "own/result.json",
        "own/report.html",
    ):
        assert (reader / made).exists(), made


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:matplotlib")
def test_every_cell_of_the_notebook_works(
    reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Jupyter, which is not needed for cells that are plain Python."""
    for name in ("data", "pictures"):
        (tmp_path / name).symlink_to(reader / name)
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    stored = json.loads((ROOT / NOTEBOOK).read_text(encoding="utf-8"))
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    cells = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 4
    known: dict[str, object] = {"__name__": "notebook"}
    for cell in cells:
        assert (cell["outputs"], cell["execution_count"]) == ([], None), f"{cell['id']}: clear its output"
        exec(compile("".join(cell["source"]), f"{NOTEBOOK}:{cell['id']}", "exec"), known)
    assert known["kept"] == known["found"].slots.shape[0]
