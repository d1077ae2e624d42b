"""Pages in a real browser: nothing wider than a phone, every picture there, paper is possible."""

import importlib
import shutil
from pathlib import Path

import pytest
import test_evaluation_page as evaluation_page

from dias.report.difference import difference, write_difference_page

ROOT = Path(__file__).parents[2]
needs = pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium (scripts/system-packages.sh)")


@needs
@pytest.mark.slow
def test_a_phone_shows_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    screenshot = importlib.import_module("screenshot")
    page = evaluation_page.write(tmp_path)
    told = screenshot.measured(page, width=screenshot.PHONE)
    assert told["width"] == screenshot.PHONE
    assert told["wide"] == []
    assert (told["images"], told["broken"]) == (6, 0)
    long = evaluation_page.an_evaluation(1, checkpoint=f"runs/{'long' * 20}/best.safetensors")
    write_difference_page(difference(evaluation_page.an_evaluation(), long), tmp_path / "diff.html")
    told = screenshot.measured(tmp_path / "diff.html", width=screenshot.PHONE)
    assert (told["width"], told["wide"]) == (screenshot.PHONE, [])
