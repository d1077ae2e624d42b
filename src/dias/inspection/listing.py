"""The data sets that can be read, as tables for a terminal of 80 columns."""

import difflib

from rich.table import Table
from rich.text import Text

from dias.data.catalogue import DATA_SETS, Count, DataSet, described
from dias.errors import DiasError


def table() -> Table:
    """All of them, a line or two each."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("name", "what", "size"):
        shown.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    for one in DATA_SETS:
        shown.add_row(one.kind, f"{one.title}: {one.about}", _size(one))
        if one.site is not None:
            shown.add_row("", Text(one.site, style="dim"))
            shown.add_row("", Text(f"licence: {one.licence}", style="dim"))
    return shown


def details(name: str) -> Table:
    """All about one.

    Raises:
        DiasError: there is none of that name.
    """
    one = described(name.lower())
    if one is None:
        names = [entry.kind for entry in DATA_SETS]
        alike = difflib.get_close_matches(name.lower(), names, n=1)
        raise DiasError(
            f"data set {name!r}: not known; "
            + (f"did you mean {alike[0]}?" if alike else f"there are {', '.join(names)}")
        )
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    shown.add_column(no_wrap=True, style="dim")
    shown.add_column(overflow="fold")
    for title, value in _facts(one).items():
        shown.add_row(title, Text(value))
    return shown


def _facts(one: DataSet) -> dict[str, str]:
    told = {
        "name": one.kind,
        "what": f"{one.title}: {one.about}",
        "recognised by": one.mark,
        "layout": "\n".join(one.layout),
        "from": one.site or "",
        "archives": "\n".join(one.archives),
        "size": _size(one),
        "licence": one.licence,
        "published": "\n".join(_count(count, one.unit) for count in one.counts),
        "paper": one.paper or "",
        "recipe": f"dias train {one.recipe}" if one.recipe else "",
    }
    return {title: value for title, value in told.items() if value}


def _count(count: Count, unit: str) -> str:
    part = " ".join(word for word in (count.edition or count.variant, count.split) if word)
    return f"{part}: {count.samples:,} {unit}" if part else f"{count.samples:,} {unit}"


def _size(one: DataSet) -> str:
    return f"{one.gigabytes:,.0f} GB" if one.gigabytes else ""
