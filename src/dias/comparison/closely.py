"""Each method's images, one method after the other: spread of scores, the best and the worst, every score."""

import json
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

from dias.comparison.columns import MethodRow
from dias.comparison.kept import device_for, keep, key_of, read_kept
from dias.comparison.plan import Plan, Run
from dias.evaluation import Evaluation, candidate
from dias.report.evaluation import histograms, image_table, told
from dias.report.looks import Looks, extremes, look

_FILE = "closely.json"


def look_at_extremes(plan: Plan, run: Run, evaluation: Evaluation, folder: Path) -> None:
    """Look closely at a run's best and worst images; kept as a piece of a page in `folder`/closely.json."""
    key = key_of(plan, run) | {"count": plan.wish.closely}
    if read_kept(folder / _FILE, key) is not None:
        return
    parts = []
    if plan.wish.closely:
        model = candidate(run.folder, device=device_for(plan)).model
        for kind in extremes(model, plan.source, evaluation, count=plan.wish.closely):
            parts.append(f'<h3>{escape(kind.title)}</h3><p class="quiet">{escape(kind.about)}</p>')
            parts += [
                look(one, name=f"{run.method}-{_word(kind)}-{number}", caption=told(evaluation, one.name))
                for number, one in enumerate(kind.images, start=1)
            ]
    keep(folder / _FILE, key, html="\n".join(parts))


def method_by_method(rows: Sequence[MethodRow]) -> str:
    """Of each method's first seed a part that opens: histograms, images looked at closely, every image."""
    parts: list[str] = []
    for row in rows:
        if not row.evaluations:
            continue
        first = row.evaluations[0]
        charts = histograms(first, metrics=("ari", "ari_foreground", "miou"), of=row.name)
        drawn = "".join(f'<div class="chart">{chart}</div>' for chart in charts)
        parts.append(
            f'<details class="method"{"" if parts else " open"}><summary>{escape(row.name)}</summary>'
            f'<div class="charts">{drawn}</div>{_kept(row.method.folder)}{image_table(first)}</details>'
        )
    about = (
        "The first seed of each method; the first method is open, the others open at a click, and in print."
    )
    return f'<p class="quiet">{about}</p>{"".join(parts)}'


def _word(kind: Looks) -> str:
    """Best or worst."""
    return kind.title.split()[0].lower()


def _kept(folder: Path) -> str:
    """What `look_at_extremes` left; nothing where it did not come to that."""
    with suppress(OSError, ValueError, KeyError):
        return str(json.loads((folder / _FILE).read_text(encoding="utf-8"))["html"])
    return ""
