"""Writes the tables of both READMEs and of docs/ from results/*.json: nothing is typed by hand.

python benchmarks/tables.py
"""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from harness import RESULTS, Row, markdown

HERE = Path(__file__).parent


def main() -> None:
    """Write every page anew."""
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


def pages() -> list[Path]:
    """Both READMEs, the card of the model that ships, and all of docs/."""
    home = HERE.parent
    card = home / "src" / "dias" / "pretrained" / "README.md"
    return [HERE / "README.md", home / "README.md", card, *sorted(home.glob("docs/**/*.md"))]


def filled(text: str) -> str:
    """A page with every `<!-- table: NAME -->` ... `<!-- end -->` filled from results/NAME.json."""
    return re.sub(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", _filled, text, flags=re.DOTALL)


def _filled(found: re.Match[str]) -> str:
    stored = json.loads((RESULTS / f"{found[2]}.json").read_text())
    origin = stored["provenance"]
    blocks = [markdown(rows) for rows in _tables(stored["rows"])]
    machine = f"{origin['hardware']['processor']}, {origin['hardware']['cores']} cores"
    machine = origin["hardware"].get("gpu", machine)
    source = f"`python benchmarks/{origin['command']}`, {machine}, revision {origin['revision'][:8]}"
    return f"{found[1]}{stored['about']}:\n\n" + "\n\n".join(blocks) + f"\n\n{source}\n{found[3]}"


def _tables(rows: list[Row]) -> list[list[Row]]:
    """Neighbouring rows of the same columns make a table."""
    columns: Any = lambda row: tuple(row)  # noqa: E731
    return [list(same) for _, same in groupby(rows, key=columns)]


if __name__ == "__main__":
    main()
