"""Links of the site's pages to files outside docs/ work: those files become part of the site.

Pages are written to be read in the repository, where `../benchmarks/README.md` is there. MkDocs knows docs/
alone. So every such file is taken into the site below `repository/`, pages with what they link to themselves,
and links are turned to where it is.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS, OTHER = "docs", "repository"
PAGES = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md")
LINK = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in what pages link to, and what those link to."""
    waiting = [f"{DOCS}/{file.src_uri}" for file in files.documentation_pages()]
    waiting += PAGES
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if not path.startswith(f"{DOCS}/"):
            files.append(File.generated(config, f"{OTHER}/{path}", abs_src_path=str(ROOT / path)))
        if path.endswith(".md"):
            linked = {_target(path, link) for link in LINK.findall((ROOT / path).read_text(encoding="utf-8"))}
            new = {one for one in linked - seen if one is not None and not one.startswith(f"{DOCS}/")}
            seen |= new
            waiting += sorted(new)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to where their files are in the site."""
    here = page.file.src_uri
    path = here.removeprefix(f"{OTHER}/") if here.startswith(f"{OTHER}/") else f"{DOCS}/{here}"

    def turned(found: re.Match[str]) -> str:
        target = _target(path, found[1])
        if target is None:
            return found[1]
        there = target.removeprefix(f"{DOCS}/") if target.startswith(f"{DOCS}/") else f"{OTHER}/{target}"
        return posixpath.relpath(there, posixpath.dirname(here) or ".")

    return LINK.sub(turned, markdown)


def _target(page: str, link: str) -> str | None:
    """Path of a linked file below the repository; None if there is no such file."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    return path if not path.startswith("..") and (ROOT / path).is_file() else None
