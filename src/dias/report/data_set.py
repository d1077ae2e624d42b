"""One HTML file that tells what an inspection of a data set found."""

from html import escape
from pathlib import Path

from PIL import Image

from dias.files import write_text
from dias.inspection.findings import Drawn, Inspection, Part
from dias.inspection.text import facts as part_facts
from dias.inspection.text import headline, histograms, published
from dias.report.figures import bars_figure
from dias.report.gallery import as_data_url
from dias.report.page import facts, folded, page, section
from dias.report.sections import contents

_SHOWN = 20  # faults; the others are folded


def write_data_page(found: Inspection, out: Path) -> None:
    """Write a page that stands alone: counts, statistics, faults and pictures, split by split.

    Args:
        found: what `dias.inspection.inspect` found, best with pictures.
        out: the file to write, in one step.

    Raises:
        FileError: it cannot be written.
    """
    name = Path(found.path).resolve().name
    parts = [(f"part-{number}", part) for number, part in enumerate(found.parts, start=1)]
    body = [
        f"<h1>{escape(found.title)}: {escape(name)}</h1>",
        f"<p>A data set of the kind {escape(found.kind)}, recognised by {escape(found.mark)}. "
        f"{'Reading was stopped before its end.' if found.stopped else ''}</p>",
    ]
    if len(parts) > 1:
        body.append(contents([(place, part.title) for place, part in parts]))
    body += [_part(part, place=place) for place, part in parts]
    if found.unlisted:
        rows = {one.title: one.line for one in found.unlisted}
        body.append(section(name="unlisted", title="Not opened", about="", body=facts(rows)))
    write_text(out, page(title=f"{found.title}: {name}", body="\n".join(body)))


def _part(part: Part, *, place: str) -> str:
    pieces = [_tiles(part)]
    faults = [fault.line for fault in part.faults]
    if faults:
        pieces.append(f"<pre>{escape(chr(10).join(faults[:_SHOWN]))}</pre>")
    if faults[_SHOWN:]:
        pieces.append(folded(title=f"{len(faults) - _SHOWN:,} more", text="\n".join(faults[_SHOWN:])))
    pieces.append(facts(part_facts(part)))
    if part.statistics is not None:
        charts = [
            f'<div class="chart">{bars_figure(bars, title=_capital(title), name=f"{place} {title}")}</div>'
            for title, bars in histograms(part.statistics).items()
        ]
        pieces.append(f'<div class="charts">{"".join(charts)}</div>')
    if part.drawn:
        figures = "".join(_figure(one) for one in part.drawn)
        pieces.append(f'<h3>Samples, evenly spread</h3><div class="grid">{figures}</div>')
    return section(name=place, title=part.title, about=_capital(headline(part)) + ".", body="\n".join(pieces))


def _tiles(part: Part) -> str:
    known, unknown = published(part) or "–", "" if part.published else "not known"
    objects = part.statistics.per_frame if part.statistics else None
    tiles = (
        (part.unit, f"{part.listed:,}", f"{part.read:,} read"),
        ("published", known, "another number" if part.differs else unknown),
        ("faulty", f"{len({fault.name for fault in part.faults}):,}", ""),
        ("objects", f"{objects.median:,.0f}" if objects else "–", "median" if objects else "not known"),
    )
    shown = (
        f'<div class="tile"><small>{escape(name)}</small><b>{escape(value)}</b>'
        f"<small>{escape(note)}</small></div>"
        for name, value, note in tiles
    )
    return f'<div class="tiles">{"".join(shown)}</div>'


def _figure(one: Drawn) -> str:
    height, width = one.picture.shape[:2]
    caption = escape(one.caption)
    return (
        f'<figure><img src="{as_data_url(Image.fromarray(one.picture))}" width="{width}" height="{height}" '
        f'loading="lazy" alt="{caption}"><figcaption>{caption}</figcaption></figure>'
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
