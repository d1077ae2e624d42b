"""A comparison as one HTML page that needs no other file."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from dias.comparison.caption import caption
from dias.comparison.closely import method_by_method
from dias.comparison.columns import Column, MethodRow
from dias.comparison.plan import Plan
from dias.comparison.tables import cells, checkpoints, sections
from dias.evaluation import Row
from dias.provenance import Provenance
from dias.report.evaluation import counts_figure
from dias.report.figures import histogram_figure
from dias.report.gallery import as_data_url
from dias.report.page import facts, folded, page, section
from dias.report.sections import contents

_OPEN, _CLOSE = "\x02", "\x03"  # around what is bold, until it is escaped


def comparison_page(
    plan: Plan, rows: Sequence[MethodRow], baselines: Sequence[Row], grid: Path | None, origin: Provenance
) -> str:
    """The whole document."""
    parts = [
        (title.lower(), title, _table(rows, columns, more))
        for title, columns, more in sections(rows, baselines)
    ]
    above, *notes = caption(plan, rows, baselines)
    parts.append(("notes", "How to read this", "".join(f"<p>{escape(one)}</p>" for one in notes)))
    if any(row.evaluations for row in rows):
        parts.append(("images", "Image by image", _spread(rows)))
        parts.append(("methods", "Method by method", method_by_method(rows)))
    if grid is not None:
        parts.append(("grid", "The same images", _grid(grid)))
    failed = [f"{row.name}, {line}" for row in rows for line in row.failures]
    if failed:
        parts.append(("failed", "Failed", f"<pre>{escape(chr(10).join(failed))}</pre>"))
    parts.append(("origin", "How this was made", _origin(plan, rows, origin)))
    done = sum(row.measured for row in rows)
    head = f"<h1>{len(plan.methods)} methods compared</h1>"
    if done < len(plan.methods):
        head += f"<p><b>{done} of them are trained and measured so far.</b></p>"
    body = [head, f"<p>{escape(above)}</p>", contents([(name, title) for name, title, _ in parts])]
    body += [section(name=name, title=title, about="", body=text) for name, title, text in parts]
    return page(title=f"{len(plan.methods)} methods compared", body="\n".join(body))


def _table(rows: Sequence[MethodRow], columns: Sequence[Column], baselines: Sequence[Row]) -> str:
    titles = ["method", "seeds", *(column.title for column in columns)]
    heads = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    lines = []
    for number, line in enumerate(cells(rows, columns, baselines, bold=(_OPEN, _CLOSE))):
        kind = ' class="first-baseline"' if number == len(rows) else ""
        texts = (escape(text).replace(_OPEN, "<b>").replace(_CLOSE, "</b>") for text in line)
        lines.append(f"<tr{kind}>{''.join(f'<td>{text}</td>' for text in texts)}</tr>")
    return (
        '<div class="scroll"><table class="scores">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _spread(rows: Sequence[MethodRow]) -> str:
    """Of each method's first seed: how mBO is spread over the images, and slots kept against the truth."""
    charts = []
    for row in (row for row in rows if row.evaluations):
        first = row.evaluations[0]
        values = first.best_map.mbo[np.isfinite(first.best_map.mbo)].tolist()
        title = f"{row.name}: mBO, image by image"
        charts.append(histogram_figure(values, beside=[], label=row.name, other="", title=title))
        charts.append(counts_figure(first, title=f"{row.name}: slots kept against true segments"))
    body = "".join(f'<div class="chart">{chart}</div>' for chart in charts)
    about = "The first seed of each method."
    return f'<p class="quiet">{escape(about)}</p><div class="charts">{body}</div>'


def _grid(file: Path) -> str:
    with Image.open(file) as opened:
        sheet = opened.convert("RGB")
    return (
        f'<div class="scroll"><img src="{as_data_url(sheet)}" width="{sheet.width}" height="{sheet.height}" '
        'alt="Images, ground truth, and each method&#x27;s masks"></div>'
        '<p class="quiet">Evenly spread, not chosen by score; the first seed of each method.</p>'
    )


def _origin(plan: Plan, rows: Sequence[MethodRow], origin: Provenance) -> str:
    told = {
        "command": origin.command,
        "time": origin.time,
        "code revision": origin.revision,
        "versions": ", ".join(f"{name} {value}" for name, value in origin.versions.items()),
        "hardware": ", ".join(f"{name}: {value}" for name, value in origin.hardware.items()),
    }
    commands = "\n".join(f"dias {' '.join(run.words)}" for method in plan.methods for run in method.runs)
    hashes = "\n".join(checkpoints(rows))
    return (
        facts(told)
        + folded(title="The command of each run", text=commands)
        + folded(title="Checkpoints, SHA-256", text=hashes)
    )
