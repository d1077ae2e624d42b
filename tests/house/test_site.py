"""The site: every page is in its navigation, it builds without a warning, it needs nothing from elsewhere."""

import ast
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import markdown
import pytest
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
SETTINGS = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
MOST_BYTES = 1_000_000  # of the pictures that demo/explain.py draws
ROOMS = (  # whose `__all__` is what people import
    "dias", "dias.backbones", "dias.comparison", "dias.evaluation", "dias.evaluation.clips", "dias.features",
    "dias.export", "dias.inference", "dias.inference.tracks", "dias.interop", "dias.metrics", "dias.models",
    "dias.nn", "dias.nn.decoders", "dias.objectives", "dias.prediction", "dias.reasoning", "dias.recognition",
    "dias.runtime", "dias.slots", "dias.viz",
)  # fmt: skip


def navigated(part: Any) -> list[str]:
    """Files that (a part of) the navigation names."""
    if isinstance(part, str):
        return [part]
    inner = part.values() if isinstance(part, dict) else part
    return [file for one in inner for file in navigated(one)]


def test_every_page_is_in_the_navigation_once() -> None:
    named = navigated(SETTINGS["nav"])
    missing = sorted(set(PAGES) - set(named))
    assert not missing, f"not in the site's navigation: {missing}; give each a line in `nav` of mkdocs.yml"
    gone = sorted(name for name in named if not (DOCS / name).exists() and not name.startswith("repository/"))
    assert not gone, f"mkdocs.yml names pages that are not in docs/: {gone}"
    assert len(named) == len(set(named))


@pytest.mark.parametrize("page", PAGES)
def test_the_site_sees_a_page_as_the_repository_does(page: str) -> None:
    """Lists behind a line of text, or nested by two blanks, are lists for CommonMark and none for MkDocs."""
    text = re.sub(r"^:::.*$", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    site = markdown.markdown(text, extensions=["tables", "attr_list", "pymdownx.superfences"])
    plain = MarkdownIt("commonmark").enable("table").render(text)
    for tag in ("li", "table", "tr", "pre", "img", "h2", "h3"):
        ours, theirs = (len(re.findall(rf"<{tag}\b", html)) for html in (site, plain))
        assert ours == theirs, (
            f"docs/{page}: {ours} <{tag}> on the site, {theirs} elsewhere; an empty line is missing?"
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as CI does; warnings are errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_built_and_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    html = {str(file.relative_to(site)): file.read_text(encoding="utf-8") for file in site.rglob("*.html")}
    assert {page.removesuffix(".md") + ".html" for page in PAGES} <= set(html)
    for name, text in html.items():
        for found in re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>", text
        ):
            raise AssertionError(f"{name} fetches {found}")
    for style in site.rglob("*.css"):
        assert not re.search(
            r"(?:url\(|@import\s*)[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")
        ), style


@pytest.mark.slow
def test_it_can_be_searched_without_a_server(site: Path) -> None:
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert "reduce_redundancy" in index
    assert "assets/iframe-worker.js" in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "assets" / "iframe-worker.js").exists()


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(site: Path) -> None:
    stored = (site / "objects.inv").read_bytes()
    lines = zlib.decompress(stored.split(b"\n", 4)[4]).decode().splitlines()
    told = {line.split(" ", 1)[0] for line in lines}
    assert len(told) > 300
    missing = {f"{home}.{name}" for room in ROOMS for home, name in public(room)} - told
    assert not missing, f"give them a place in docs/reference/: {sorted(missing)}"


def public(room: str) -> list[tuple[str, str]]:
    """Module and name of every class and function that a room offers; read, as importing takes long."""
    tree = ast.parse((ROOT / "src" / room.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module or room for node in imports for alias in node.names}
    return [(home, name) for name, home in homes.items() if name in defined(home)]


def defined(module: str) -> set[str]:
    place = ROOT / "src" / module.replace(".", "/")
    file = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
    if not module.startswith("dias") or not file.exists():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


@pytest.mark.slow
def test_shapes_errors_and_sources_reach_the_reader(site: Path) -> None:
    page = re.sub(r"<[^>]+>", "", (site / "reference" / "nn.html").read_text(encoding="utf-8"))
    assert 'slots: Float[Tensor, "b n d"]' in page.replace("&quot;", '"').replace("&#34;", '"')
    assert "method, section 2.2" in page
    assert "numbered from 0 in the order of first appearance; -1: the slot is not kept" in " ".join(
        page.split()
    )
    errors = re.sub(r"<[^>]+>", "", (site / "reference" / "inference.html").read_text(encoding="utf-8"))
    assert "Raises:" in errors
    assert "CheckpointError" in errors


def test_pictures_are_small_and_each_is_shown() -> None:
    files = list((DOCS / "pictures").iterdir())
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    text = (DOCS / "method.md").read_text(encoding="utf-8")
    assert {file.name for file in files} == set(re.findall(r"\(pictures/([^)]+)\)", text))
