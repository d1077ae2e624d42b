"""The pages on data are true: their `dias` commands are run, in their order, on miniatures."""

import re
from pathlib import Path

import pytest
from pages import ROOT, commands, run_dias

from miniatures import coco, videos

PAGES = ("docs/data.md", "docs/scale.md")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader of the pages would have: COCO, a video, the repository's scenes."""
    folder = tmp_path_factory.mktemp("reader")
    coco.write(folder / "data" / "coco", copies=2)
    videos.write(folder / "clips" / "cat.mp4", 6)
    (folder / "data" / "scenes").symlink_to(ROOT / "data" / "scenes")
    (folder / "data" / "models").symlink_to(ROOT / "data" / "models")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_command_works(page: str, home: Path) -> None:
    found = [words[1:] for words in commands(page) if words[0] == "dias"]
    assert len(found) >= 3
    for words in found:
        run_dias(words, home)


def test_every_file_that_a_page_names_exists() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
            assert (ROOT / page).parent.joinpath(link).exists(), (page, link)
        for test in re.findall(r"`((?:journeys|features|training)/test_\w+\.py)", text):
            assert (ROOT / "tests" / test).exists(), (page, test)


def test_every_test_that_a_page_names_exists() -> None:
    known = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    for page in PAGES:
        named = set(re.findall(r"::(test_\w+)", (ROOT / page).read_text(encoding="utf-8")))
        assert named <= known, (page, named - known)
