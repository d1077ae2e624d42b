"""The parts of a report, each as a piece of HTML."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from dias.config import to_dict
from dias.evaluation.protocol import EvaluationConfig
from dias.evaluation.results import METRIC_NAMES, METRICS, Results
from dias.evaluation.tables import (
    Summary,
    all_rows,
    best_values,
    caption,
    cell,
    shown_metrics,
    summarize,
    summarize_row,
)
from dias.report.figures import Series, histogram_figure, line_figure
from dias.report.gallery import Gallery, data_url
from dias.report.journal import Curve
from dias.report.page import facts, folded, section


def headline(results: Results) -> str:
    """The four scores of the final masks, each beside the best that clustering reaches."""
    summary = summarize(results.evaluations)
    final = summary.final
    rivals = [summarize_row([row]) for row in results.baselines if row.map == "features"]
    tiles = []
    for metric in (metric for metric in METRICS if metric != "mbo_class"):
        best = max(((getattr(row.mean, metric), row.variant) for row in rivals), default=None)
        beside = f"{escape(best[1])} {100 * best[0]:.1f}" if best else ""
        tiles.append(
            f'<div class="tile"><small>{METRIC_NAMES[metric]}</small><b>{cell(final, metric)}</b>'
            f"<small>{beside}</small></div>"
        )
    note = (
        f"Final masks, read from the {final.map}'s attention; means over {summary.images} images, percent; "
        f"protocol {_protocol(summary)}."
    )
    return f'<div class="tiles">{"".join(tiles)}</div><p class="quiet">{escape(note)}</p>'


def scores(results: Results) -> str:
    """The table of all rows."""
    summary = summarize(results.evaluations)
    rows = all_rows(summary, baselines=results.baselines)
    best = best_values(rows)
    metrics = shown_metrics(rows)
    titles = ("masks", "from", *(METRIC_NAMES[metric] for metric in metrics))
    heads = "".join(f'<th scope="col">{text}</th>' for text in titles)
    lines = []
    for index, row in enumerate(rows):
        kind = ' class="first-baseline"' if index == len(summary.rows) else ""
        cells = [f"<td>{_bold(cell(row, metric), (index, metric) in best)}</td>" for metric in metrics]
        lines.append(
            f"<tr{kind}><td>{escape(row.variant)}</td><td>{escape(row.map)}</td>{''.join(cells)}</tr>"
        )
    made = (
        f'<div class="scroll"><table class="scores">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f'<p class="quiet">{escape(caption(summary)).capitalize()}.</p>'
    )
    return section(name="results", title="Results", about=_about_scores(results, summary), body=made)


def curves(found: dict[str, Curve]) -> str:
    """Losses and validation scores over training."""
    percent = [("val_ari", "ARI"), ("val_ari_foreground", "ARIfg"), ("val_mbo", "mBO"), ("val_miou", "mIoU")]
    panels = [
        (
            "Reconstruction loss",
            "",
            [("reconstruction", "training"), ("val_reconstruction", "validation")],
            1.0,
        ),
        ("Distillation loss", "", [("distillation", "training")], 1.0),
        ("Validation scores", "percent", percent, 100.0),
        ("Slots kept, validation", "", [("val_slots_kept", "slots kept"), ("slots_kept", "slots kept")], 1.0),
        ("Total loss", "", [("loss", "training")], 1.0),
        ("Learning rate", "", [("lr", "learning rate")], 1.0),
    ]
    charts = []
    for title, unit, wanted, scale in panels:
        series = [
            Series(label=label, curve=found[name], scale=scale) for name, label in wanted if name in found
        ]
        if series:
            charts.append(f'<div class="chart">{line_figure(series, title=title, unit=unit)}</div>')
    if not charts:
        return ""
    about = "Losses are means over the steps between two points."
    return section(
        name="curves",
        title="Learning curves",
        about=about,
        body=f'<div class="charts">{"".join(charts)}</div>',
    )


def image_by_image(results: Results) -> str:
    """How the images' mBO is spread."""
    first = results.evaluations[0]
    values = first.best_map.mbo[np.isfinite(first.best_map.mbo)].tolist()
    rivals = [row for row in results.baselines if row.map == "features"]
    other = max(rivals, key=lambda row: row.mean.mbo, default=None)
    beside = [] if other is None else other.mbo[np.isfinite(other.mbo)].tolist()
    label = f"final, {first.best_map.map}"
    drawn = histogram_figure(
        values, beside=beside, label=label, other=other.variant if other else "", title="mBO, image by image"
    )
    about = (
        f"{len(values)} images; {first.checkpoint}."
        if len(results.evaluations) > 1
        else f"{len(values)} images."
    )
    return section(
        name="images", title="Image by image", about=about, body=f'<div class="chart one">{drawn}</div>'
    )


def pictures(gallery: Gallery, *, name: str) -> str:
    """Pictures, one below the other; wide ones scroll sideways on a phone."""
    figures = []
    for picture in gallery.pictures:
        address, width, height = data_url(picture.file)
        kind = ' class="scroll wide"' if width > 1.6 * height else ""
        figures.append(
            f'<figure><div{kind}><img src="{address}" width="{width}" height="{height}" '
            f'alt="{escape(gallery.title)}: {escape(picture.caption)}"></div>'
            f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        )
    body = f'<div class="photos">{"".join(figures)}</div>'
    return section(name=name, title=gallery.title, about=gallery.about, body=body)


def origin(run: Path, *, results: Results | None) -> str:
    """Commands, hashes, versions and hardware of training and of evaluation, and the recipe."""
    parts = []
    trained = run / "provenance.json"
    if trained.is_file():
        parts.append("<h3>Training</h3>" + facts(facts_of(json.loads(trained.read_text(encoding="utf-8")))))
    if results is not None:
        parts.append(evaluated(results))
    recipe = run / "recipe.yaml"
    if recipe.is_file():
        parts.append(folded(title="The recipe, every setting", text=recipe.read_text(encoding="utf-8")))
    return section(name="origin", title="How this was made", about="", body="\n".join(parts))


def evaluated(results: Results) -> str:
    """Command, hashes, versions, hardware and every rule of each evaluation."""
    parts = []
    for one in results.evaluations:
        told = facts_of(one.provenance) | {"checkpoint": Path(one.checkpoint).name}
        told["protocol"] = _settings(one.config)
        if results.data is not None:
            told["data"] = ", ".join(f"{name}: {value}" for name, value in results.data.items())
        parts.append("<h3>Evaluation</h3>" + facts(told))
    return "\n".join(parts)


def facts_of(provenance: dict[str, Any]) -> dict[str, str]:
    """A provenance record as names and values that people read."""
    hardware = provenance.get("hardware", {})
    versions = provenance.get("versions", {})
    hashes = provenance.get("hashes", {})
    told = {
        "command": str(provenance.get("command", "")),
        "time": str(provenance.get("time", "")),
        "code revision": str(provenance.get("revision", "")),
        "backbone weights": str(provenance.get("backbone", provenance.get("weights", ""))),
    }
    told |= {f"SHA-256 of {name}": str(value) for name, value in hashes.items()}
    told["versions"] = ", ".join(f"{name} {value}" for name, value in versions.items())
    told["hardware"] = ", ".join(f"{name}: {value}" for name, value in hardware.items())
    return {name: value for name, value in told.items() if value}


def _settings(config: EvaluationConfig) -> str:
    told = to_dict(config)
    told = {"rules": config.rules.name} | told.pop("rules") | told
    return ", ".join(f"{name}: {value}" for name, value in told.items())


def _protocol(summary: Summary) -> str:
    warning = summary.rules.warning
    return summary.rules.name + (f" ({warning})" if warning else "")


def _about_scores(results: Results, summary: Summary) -> str:
    said = [f"Percent, means over {summary.images} images; protocol {_protocol(summary)}."]
    if summary.checkpoints > 1:
        said.append(f"Mean ± sample standard deviation over {summary.checkpoints} checkpoints.")
    if any(row.map == "features" for row in results.baselines):
        said.append(
            "Clustering sees the same features; with the true number it is told how many segments an image "
            "has, with an automatic number it is not."
        )
    if any(row.variant == "oracle" for row in results.baselines):
        said.append(
            "The oracle is the ground truth itself on the token grid, which no method on it can much exceed."
        )
    skipped = max(len(one.skipped) for one in results.evaluations)
    if skipped:
        said.append(f"{skipped} unreadable images were left out.")
    return " ".join(said)


def _bold(text: str, yes: bool) -> str:
    return f"<b>{text}</b>" if yes else text


def contents(names: Sequence[tuple[str, str]]) -> str:
    """Links to the page's parts."""
    return "<nav>" + "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in names) + "</nav>"
