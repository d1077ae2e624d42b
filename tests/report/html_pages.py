"""Pages read as a browser would, and what must hold for each of them."""

import re
from html.parser import HTMLParser
from pathlib import Path


class Reader(HTMLParser):
    """Collects tags, and complains about those that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(file: Path) -> tuple[str, Reader]:
    text = file.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return text, reader


def asks_nothing(file: Path) -> tuple[str, Reader]:
    """The page is well formed, has no script, and every address in it is its own or a picture in it."""
    text, reader = read(file)
    assert "http" not in text
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    every = [attributes["id"] for _, attributes in reader.seen if "id" in attributes]
    assert len(every) == len(set(every))
    for tag, attributes in reader.seen:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:image/webp;base64,"))
            assert address in ("#",) or address.startswith("data:") or address[1:] in every
    return text, reader
