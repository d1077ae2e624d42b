"""One HTML file that tells what an evaluation found: scores, how they are spread, and what the model saw."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from dias.evaluation.results import METRIC_NAMES, METRICS, Evaluation, Metric, Results
from dias.files import write_text
from dias.report.figures import histogram_figure, pairs_figure
from dias.report.looks import Looks, look
from dias.report.page import page, section
from dias.report.sections import contents, evaluated, headline, scores

_ROWS = 2_000  # of the table of images


def write_evaluation_page(results: Results, looks: Sequence[Looks], out: Path) -> None:
    """Write a page that stands alone.

    Args:
        results: what `dias eval` found; of several checkpoints, tables have all, images are of the first.
        looks: images of the first checkpoint, looked at closely.
        out: the file to write, in one step.

    Raises:
        FileError: it cannot be written.
        DiasError: the evaluations are not of the same images.
    """
    first = results.evaluations[0]
    parts = [("results", "Results", scores(results)), ("images", "Image by image", spread(results))]
    for number, one in enumerate(looks, start=1):
        place = f"looks-{number}"
        drawn = "".join(
            look(each, name=f"{place}-{index}", caption=told(first, each.name))
            for index, each in enumerate(one.images, start=1)
        )
        parts.append((place, one.title, section(name=place, title=one.title, about=one.about, body=drawn)))
    parts.append(("table", "Every image", every_image(first)))
    origin = section(name="origin", title="How this was made", about="", body=evaluated(results))
    parts.append(("origin", "How this was made", origin))
    title = f"Evaluation of {_called(first)}"
    head = [f"<h1>{escape(title)}</h1>", contents([(place, name) for place, name, _ in parts])]
    body = [*head, headline(results), *(text for _, _, text in parts)]
    write_text(out, page(title=title, body="\n".join(body)))


def spread(results: Results) -> str:
    """How each score is spread over the images, and the slots kept against the true number."""
    first = results.evaluations[0]
    charts = histograms(first)
    charts.append(counts_figure(first, title="Slots kept against true segments"))
    about = (
        f"{len(first.names)} images; final masks, from the {first.best_map.map}'s map. Slots kept and true "
        f"segments differ by {first.count_error:.2f} an image."
    )
    body = "".join(f'<div class="chart">{chart}</div>' for chart in charts)
    return section(
        name="images", title="Image by image", about=about, body=f'<div class="charts">{body}</div>'
    )


def histograms(evaluation: Evaluation, *, metrics: Sequence[Metric] = METRICS, of: str = "") -> list[str]:
    """A histogram of each score over the images; of none that is not defined.

    Args:
        evaluation: what was found.
        metrics: which scores.
        of: whose they are, where a page shows several.
    """
    charts = []
    for metric in metrics:
        values = evaluation.best_map.values(metric)
        known = values[np.isfinite(values)].tolist()
        if known:
            title = f"{of}{': ' if of else ''}{METRIC_NAMES[metric]}, image by image"
            axis = f"{METRIC_NAMES[metric]} of an image, percent"
            charts.append(histogram_figure(known, beside=[], label="final", other="", title=title, of=axis))
    return charts


def counts_figure(evaluation: Evaluation, *, title: str) -> str:
    """Slots kept against the true number of segments; larger points are more images."""
    return pairs_figure(
        evaluation.true_segments.astype(float).tolist(),
        evaluation.slots_kept.astype(float).tolist(),
        x="true segments, background included",
        y="slots kept",
        title=title,
        whole=True,
    )


def every_image(evaluation: Evaluation) -> str:
    """All images with their scores, the worst first."""
    images = len(evaluation.names)
    less = "" if images <= _ROWS else f", the worst {_ROWS:,} of {images:,}"
    about = f"Percent, lowest mBO first{less}."
    return section(name="table", title="Every image", about=about, body=image_table(evaluation))


def image_table(evaluation: Evaluation) -> str:
    """Their table, behind a line that opens it."""
    row = evaluation.best_map
    shown = [metric for metric in METRICS if np.isfinite(row.values(metric)).any()]
    heads = ["image", *(METRIC_NAMES[metric] for metric in shown), "kept", "true"]
    order = np.argsort(row.mbo, kind="stable")[:_ROWS].tolist()
    lines = []
    for place in order:
        values = [cell(float(row.values(metric)[place])) for metric in shown]
        values += [str(evaluation.slots_kept[place]), str(evaluation.true_segments[place])]
        cells = "".join(f"<td>{value}</td>" for value in values)
        lines.append(f"<tr><td>{escape(evaluation.names[place])}</td>{cells}</tr>")
    return folded_table(heads, lines)


def folded_table(heads: Sequence[str], lines: Sequence[str]) -> str:
    """A long table behind a line that opens it."""
    titles = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    return (
        f"<details><summary>{len(lines):,} images</summary>"
        f'<div class="scroll"><table class="images"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def cell(value: float) -> str:
    """A score from 0 to 1 in percent; a dash where it is not defined."""
    return f"{100 * value:.1f}" if np.isfinite(value) else "–"


def told(evaluation: Evaluation, name: str) -> str:
    """An image's name, its scores, and its numbers of slots."""
    place, row = evaluation.names.index(name), evaluation.best_map
    values = [
        f"{METRIC_NAMES[metric]} {cell(float(row.values(metric)[place]))}"
        for metric in METRICS
        if np.isfinite(row.values(metric)[place])
    ]
    kept, true = evaluation.slots_kept[place], evaluation.true_segments[place]
    return f"{name}: {', '.join(values)}; {kept} slots kept, {true} true segments"


def _called(evaluation: Evaluation) -> str:
    return "/".join(Path(evaluation.checkpoint).parts[-2:])
