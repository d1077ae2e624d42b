"""One HTML file that compares two evaluations image by image: what one finds better, and what the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from dias.checkpoints import USUAL_NAMES
from dias.errors import DiasError
from dias.evaluation.results import METRIC_NAMES, METRICS, Evaluation, Metric, Results
from dias.files import write_text
from dias.report.evaluation import cell, folded_table
from dias.report.figures import pairs_figure, spread_figure
from dias.report.looks import picture
from dias.report.page import page, section
from dias.report.sections import contents, evaluated
from dias.viz import contact_sheet

Panels = Sequence[np.ndarray]
Draw = Callable[[str], tuple[Panels, Panels]]  # of an image's name: what each of the two shows


@dataclass(frozen=True, kw_only=True, eq=False)
class Difference:
    """Two evaluations of the same images.

    Attributes:
        names: what the two are called.
        one, other: what was found; `other` minus `one` is the change.
        metric: that images are sorted by.
        images: that both have measured, in the order of the change: the largest gain first.
        change: of each of these images.
    """

    names: tuple[str, str]
    one: Evaluation
    other: Evaluation
    metric: Metric
    images: tuple[str, ...]
    change: Float64[np.ndarray, " images"]

    def values(self, metric: Metric) -> tuple[Float64[np.ndarray, " images"], Float64[np.ndarray, " images"]]:
        """Both scores of each image, in the order of `images`."""
        return _of(self.one, metric, self.images), _of(self.other, metric, self.images)


def difference(
    one: Evaluation, other: Evaluation, *, metric: Metric = "mbo", names: tuple[str, str] | None = None
) -> Difference:
    """Bring two evaluations together, image by image; an image without a score in both is left out.

    Raises:
        DiasError: they are of other data, were measured by other rules, or share no image with a score.
    """
    data = [each.provenance.get("hashes", {}).get("data") for each in (one, other)]
    if data[0] != data[1]:
        raise DiasError("dias report diff: the two were measured on different data; measure both on the same")
    if one.config.rules != other.config.rules:
        raise DiasError(
            f"dias report diff: the two were measured by different rules ({one.config.rules.name}, "
            f"{other.config.rules.name}); measure both by the same"
        )
    shared = [name for name in one.names if name in set(other.names)]
    change = _of(other, metric, shared) - _of(one, metric, shared)
    order = [place for place in np.argsort(-change, kind="stable").tolist() if np.isfinite(change[place])]
    if not order:
        raise DiasError(f"dias report diff: no image has {METRIC_NAMES[metric]} in both")
    return Difference(
        names=names or _told_apart(one.checkpoint, other.checkpoint),
        one=one,
        other=other,
        metric=metric,
        images=tuple(shared[place] for place in order),
        change=change[order],
    )


def write_difference_page(found: Difference, out: Path, *, draw: Draw | None = None, count: int = 4) -> None:
    """Write a page that stands alone.

    Args:
        found: the two.
        out: the file to write, in one step.
        draw: gives pictures of an image; without it there are none.
        count: images with pictures: so many of the largest gains, and of the largest losses.

    Raises:
        FileError: it cannot be written.
    """
    title = f"{found.names[0]} against {found.names[1]}"
    parts = [("summary", "In all", _summary(found)), ("spread", "Image by image", _charts(found))]
    if draw is not None:
        gains = [name for name, change in zip(found.images, found.change, strict=True) if change > 0][:count]
        losses = [name for name, change in zip(found.images, found.change, strict=True) if change < 0]
        losses = losses[::-1][:count]
        parts += [
            (place, heading, _pictures(found, names, draw, place=place, title=heading))
            for place, heading, names in (
                ("gains", "Largest gains", gains),
                ("losses", "Largest losses", losses),
            )
            if names
        ]
    parts.append(("table", "Every image", _table(found)))
    results = Results(evaluations=(found.one, found.other))
    origin = section(name="origin", title="How this was made", about="", body=evaluated(results))
    parts.append(("origin", "How this was made", origin))
    head = f"<h1>{escape(title)}</h1><p>{escape(_headline(found))}</p>"
    links = contents([(place, heading) for place, heading, _ in parts])
    body = [head, links, *(text for _, _, text in parts)]
    write_text(out, page(title=title, body="\n".join(body)))


def _headline(found: Difference) -> str:
    better, worse = int((found.change > 0).sum()), int((found.change < 0).sum())
    mean, error = 100 * float(found.change.mean()), 100 * _error(found.change)
    return (
        f"By {METRIC_NAMES[found.metric]}, {found.names[1]} is better on {better} of {len(found.images)} "
        f"images and worse on {worse}; the mean change is {mean:+.1f} points (standard error {error:.1f})."
    )


def _summary(found: Difference) -> str:
    lines = []
    for metric in METRICS:
        one, other = found.values(metric)
        both = np.isfinite(one) & np.isfinite(other)
        if not both.any():
            continue
        change = (other - one)[both]
        kind = "up" if change.mean() > 0 else "down"
        lines.append(
            f"<tr><td>{METRIC_NAMES[metric]}</td><td>{both.sum()}</td><td>{100 * one[both].mean():.1f}</td>"
            f'<td>{100 * other[both].mean():.1f}</td><td class="{kind}">{100 * change.mean():+.1f}</td>'
            f"<td>{100 * _error(change):.1f}</td></tr>"
        )
    heads = ("score", "images", *found.names, "change", "± s.e.")
    titles = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    table = (
        f'<div class="scroll"><table class="scores"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
    about = (
        f"Percent, final masks, protocol {found.one.config.rules.name}; means over the images where both "
        "have the score; ± s.e.: standard error of the mean change, images taken as independent."
    )
    return section(name="summary", title="In all", about=about, body=table)


def _charts(found: Difference) -> str:
    one, other = found.values(found.metric)
    title = METRIC_NAMES[found.metric]
    charts = (
        spread_figure(found.change.tolist(), title=f"Change of {title}", of="points; right: better"),
        pairs_figure(
            (100 * one).tolist(), (100 * other).tolist(), x=found.names[0], y=found.names[1],
            title=f"{title}, image by image",
        ),
    )  # fmt: skip
    body = "".join(f'<div class="chart">{chart}</div>' for chart in charts)
    return section(name="spread", title="Image by image", about="", body=f'<div class="charts">{body}</div>')


def _pictures(found: Difference, names: Sequence[str], draw: Draw, *, place: str, title: str) -> str:
    at = {name: number for number, name in enumerate(found.images)}
    figures = []
    for name in names:
        sheet = contact_sheet(
            [list(panels) for panels in draw(name)],
            titles=("image", "ground truth", "first iteration", "last, not reduced", "final"),
            row_titles=found.names,
        )
        one, other = (values[at[name]] for values in found.values(found.metric))
        caption = (
            f"{name}: {METRIC_NAMES[found.metric]} {100 * one:.1f} to {100 * other:.1f} "
            f"({100 * (other - one):+.1f}); slots kept {_kept(found.one, name)} and "
            f"{_kept(found.other, name)}"
        )
        figures.append(picture(sheet, alt=f"both on {name}", caption=caption, wide=True))
    about = f"By {METRIC_NAMES[found.metric]}: above {found.names[0]}, below {found.names[1]}."
    return section(name=place, title=title, about=about, body="".join(figures))


def _table(found: Difference) -> str:
    scores = {metric: found.values(metric) for metric in METRICS}
    shown = [metric for metric in METRICS if np.isfinite(scores[metric][0]).any()]
    heads = ["image", *(text for metric in shown for text in (METRIC_NAMES[metric], "change")), "kept"]
    lines = []
    for place, name in enumerate(found.images):
        cells = []
        for metric in shown:
            one, other = (float(values[place]) for values in scores[metric])
            cells += [f"{cell(one)} → {cell(other)}", _signed(other - one)]
        cells.append(f"{_kept(found.one, name)} → {_kept(found.other, name)}")
        lines.append(f"<tr><td>{escape(name)}</td>{''.join(f'<td>{each}</td>' for each in cells)}</tr>")
    about = f"Percent; the largest gain of {METRIC_NAMES[found.metric]} first."
    return section(name="table", title="Every image", about=about, body=folded_table(heads, lines))


def _signed(change: float) -> str:
    if not np.isfinite(change):
        return "–"
    return f'<span class="{"up" if change > 0 else "down"}">{100 * change:+.1f}</span>'


def _kept(evaluation: Evaluation, name: str) -> int:
    return int(evaluation.slots_kept[evaluation.names.index(name)])


def _of(evaluation: Evaluation, metric: Metric, names: Sequence[str]) -> Float64[np.ndarray, " images"]:
    places: Mapping[str, int] = {name: place for place, name in enumerate(evaluation.names)}
    return evaluation.best_map.values(metric)[[places[name] for name in names]]


def _error(change: Float64[np.ndarray, " images"]) -> float:
    return float(change.std(ddof=1) / len(change) ** 0.5) if len(change) > 1 else float("nan")


def _told_apart(one: str, other: str) -> tuple[str, str]:
    """Names of checkpoints as short as they differ; A and B where they do not.

    A run's checkpoint, or a model's, is called by its folder where that tells the two apart.
    """
    folders = [_folder(Path(one)), _folder(Path(other))]
    paths = [each.parts for each in (folders if folders[0] != folders[1] else (Path(one), Path(other)))]
    for length in range(1, max(map(len, paths)) + 1):
        short = ["/".join(parts[-length:]) for parts in paths]
        if short[0] != short[1]:
            return short[0], short[1]
    return f"A ({Path(one).name})", f"B ({Path(other).name})"


def _folder(checkpoint: Path) -> Path:
    usual = checkpoint.name in USUAL_NAMES and checkpoint.parent.name
    return checkpoint.parent if usual else checkpoint.with_suffix("")
