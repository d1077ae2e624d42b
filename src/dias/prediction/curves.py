"""Error against horizon as a picture and as a table."""

import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dias.files import write_atomic
from dias.prediction.results import Measure, Prediction

TITLES: dict[Measure, str] = {
    "slot_mse": "slot error (mean square)",
    "slot_error": "slot error (1: as the mean slot)",
    "feature_error": "feature error (1 - cosine)",
    "ari": "ARI",
    "ari_foreground": "ARI, foreground",
    "miou": "mIoU",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
}
_DRAWN: tuple[Measure, ...] = ("slot_error", "feature_error", "ari_foreground", "miou", "psnr", "ssim")
_MARKS = (1, 5, 10, 20, 40)  # steps of the table
_STYLES = ("-", "--", ":", "-.")

Curves = Mapping[str, Float64[np.ndarray, " steps"]]


def draw(found: Prediction, file: Path, *, title: str = "") -> None:
    """Write a PNG with a panel a measure and a line a row.

    Raises:
        FileError: it cannot be written.
    """
    measures = [measure for measure in _DRAWN if measure in found.measures()]
    panels = {measure: {row.name: row.curve(measure) for row in found.rows} for measure in measures}
    write_figure(panels, file, title=title)


def write_figure(panels: Mapping[Measure, Curves], file: Path, *, title: str = "") -> None:
    """The same of any curves; those that are not defined are left out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(panels), 3.6), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    for axes, (measure, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for name, curve in curves.items():
            if not np.isnan(curve).all():
                style = _STYLES[names.index(name) % len(_STYLES)]
                axes.plot(np.arange(1, len(curve) + 1), curve, style, label=name, linewidth=1.6)
        axes.set_title(TITLES[measure], fontsize=10)
        axes.set_xlabel("predicted frame", fontsize=9)
        axes.grid(visible=True, linewidth=0.4)
        axes.tick_params(labelsize=8)
        if measure in ("slot_error", "feature_error"):
            axes.set_ylim(bottom=0, top=_top(curves.values()))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), fontsize=8)
    figure.suptitle(title, fontsize=10)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomic(file, lambda stream: stream.write(content.getvalue()))


def table(found: Prediction) -> Table:
    """Rows and measures at some steps, for a terminal; masks in percent."""
    marks = [mark for mark in _MARKS if mark <= found.steps]
    measures = [measure for measure in _DRAWN if measure in found.measures()]
    made = Table(
        box=SIMPLE_HEAD,
        title=f"{len(found.clips)} clips, burn-in {found.burn_in}, at step {', '.join(map(str, marks))}",
    )
    made.add_column("slots")
    for measure in measures:
        made.add_column(TITLES[measure].split(" (")[0], justify="right")
    for row in found.rows:
        cells = [
            " ".join(_cell(row.curve(measure)[mark - 1], measure) for mark in marks) for measure in measures
        ]
        made.add_row(row.name, *cells)
    return made


def _top(curves: Iterable[Float64[np.ndarray, " steps"]]) -> float:
    """Of the axis: straight lines that leave the picture would squeeze all others to its foot."""
    highest = [float(np.nanmax(curve)) for curve in curves if not np.isnan(curve).all()]
    return 1.1 * min(max(highest), 2 * float(np.median(highest)) or math.inf) or 1.0


def _cell(value: float, measure: Measure) -> str:
    if value != value:
        return "-"
    if measure in ("ari", "ari_foreground", "miou"):
        return f"{100 * value:.1f}"
    return f"{value:.1f}" if measure == "psnr" else f"{value:.2f}"
