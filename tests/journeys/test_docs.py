"""The pages are true: commands of those on data are run, in their order, on miniatures.

Of the other pages the commands are read: what they name must be there (the recipes themselves are built by
tests/house/test_recipes.py, and methods are trained on miniatures by tests/training).
"""

import re
from pathlib import Path

import pytest
import typer
from pages import ROOT, commands, run_dias

from dias.cli.main import app
from dias.training.recipe import recipe_file, shipped
from miniatures import coco, videos

VERBS = {  # of one that has verbs of its own, such as `synth`, the options of all of them
    verb: {
        option
        for each in (command, *getattr(command, "commands", {}).values())
        for part in each.params
        for option in (*part.opts, *part.secondary_opts)
    }
    for verb, command in typer.main.get_group(app).commands.items()
}
PAGES = ("docs/data.md", "docs/scale.md")
ALL = tuple(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md")))


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
    for page in ALL:
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
    for page in ALL:
        named = set(re.findall(r"::(test_\w+)", (ROOT / page).read_text(encoding="utf-8")))
        assert named <= known, (page, named - known)


@pytest.mark.parametrize("page", [page for page in ALL if page not in PAGES])
def test_commands_of_a_page_name_recipes_and_options_that_there_are(page: str) -> None:
    for words in commands(page):
        if words[0] != "dias":
            continue
        assert words[1] in VERBS, words
        known = VERBS[words[1]]
        assert {word for word in words if word.startswith("--")} <= known, words
        if words[1] == "train":
            assert words[2] in shipped(), words


def test_every_method_has_a_page() -> None:
    told = "".join((ROOT / page).read_text(encoding="utf-8") for page in ALL if "methods/" in page)
    methods = {recipe_file(name) for name in shipped() if recipe_file(name).parent.name == "methods"}
    assert [file.stem for file in methods if f"`{file.stem}`" not in told] == []


def test_every_method_has_an_overfit_test_on_the_page_of_those() -> None:
    """`docs/overfitting.md` names each recipe, beside a test that there is."""
    page = (ROOT / "docs" / "overfitting.md").read_text(encoding="utf-8")
    rows = [
        line
        for line in page.splitlines()
        if line.startswith("| ") and ("::test_" in line or "the same" in line)
    ]
    methods = {file.stem for file in (ROOT / "src" / "dias" / "recipes" / "methods").glob("*.yaml")}
    told = {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[2])}
    assert {name.removesuffix("-cpu") for name in methods} - told == set()
    for file, test in re.findall(r"`([\w/]+\.py)::(test_\w+)`", page):
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), file
