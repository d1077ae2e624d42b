"""Figures as SVG that stands inside a page and takes its colours and its font from there."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dias.inspection.findings import Bar
from dias.report.journal import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's own (a CSS variable each), so that one figure suits light and dark.
_INK, _MUTED, _LINE = "#010101", "#010102", "#010103"
_SERIES = ("#010201", "#010202", "#010203", "#010204")
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _LINE: "--line"} | {
    colour: f"--series-{number}" for number, colour in enumerate(_SERIES, start=1)
}
_SIZE = (4.6, 2.7)  # inches; 72 units each in the SVG
_DASHES: tuple[str, ...] = ("-", "--", "-.", ":")


@dataclass(frozen=True, kw_only=True)
class Series:
    """A curve under the name that a reader should see, its values times `scale`."""

    label: str
    curve: Curve
    scale: float = 1.0


def line_figure(series: Sequence[Series], *, title: str, unit: str = "") -> str:
    """Curves over training steps. Lines differ in dash too, for those who cannot tell the colours."""
    figure = _figure()
    axes = _axes(figure, title=title, x="step", y=unit)
    for number, one in enumerate(series):
        points = [value * one.scale for value in one.curve.values]
        mark = "o" if len(points) <= 12 else ""
        axes.plot(
            one.curve.steps,
            points,
            color=_SERIES[number % len(_SERIES)],
            linestyle=_DASHES[number % len(_DASHES)],
            marker=mark,
            markersize=3.5,
            linewidth=1.6,
            label=one.label,
        )
    if len(series) > 1:
        _legend(axes)
    return _svg(figure, name=title)


def histogram_figure(
    values: Sequence[float], *, beside: Sequence[float], label: str, other: str, title: str
) -> str:
    """How many images reach which score (0 to 1), in twentieths; `beside` as an outline."""
    figure = _figure()
    axes = _axes(figure, title=title, x="mBO of an image, percent", y="images")
    bins = [5.0 * edge for edge in range(21)]
    axes.hist([100 * value for value in values], bins=bins, color=_SERIES[0], alpha=0.75, label=label)
    if beside:
        axes.hist(
            [100 * value for value in beside],
            bins=bins,
            color=_SERIES[1],
            histtype="step",
            linewidth=1.6,
            label=other,
        )
        _legend(axes)
    axes.set_xlim(0, 100)
    return _svg(figure, name=title)


def bars_figure(bars: Sequence[Bar], *, title: str, name: str) -> str:
    """A bar for each sort of thing that is counted; `name` tells the figure from others of the page."""
    figure = _figure()
    axes = _axes(figure, title=title, x="", y="")
    places = range(len(bars))
    axes.bar(places, [bar.count for bar in bars], color=_SERIES[0], alpha=0.75, width=0.8)
    turned = 35 if len(bars) > 8 or any(len(bar.label) > 5 for bar in bars) else 0
    axes.set_xticks(places, [bar.label for bar in bars], rotation=turned, ha="right" if turned else "center")
    return _svg(figure, name=name)


def _figure() -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=_SIZE, layout="constrained")


def _axes(figure: "Figure", *, title: str, x: str, y: str) -> "Axes":
    axes: Axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=_INK, fontsize=11)
    axes.set_xlabel(x, color=_MUTED, fontsize=9)
    axes.set_ylabel(y, color=_MUTED, fontsize=9)
    axes.tick_params(colors=_MUTED, labelsize=9, length=0)
    axes.grid(visible=True, axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    axes.locator_params(axis="both", nbins=6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    return axes


def _legend(axes: "Axes") -> None:
    axes.legend(frameon=False, fontsize=9, labelcolor=_MUTED)


def _svg(figure: "Figure", *, name: str) -> str:
    """The drawing alone: no header, no namespace, no size, ids of its own."""
    from matplotlib import rc_context

    figure.patch.set_visible(False)
    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\s(xmlns(:\w+)?|version)="[^"]*"', "", text).replace("xlink:href", "href")
    prefix = re.sub(r"\W+", "-", name.lower())
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    head, rest = text.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{name}">{rest}'.strip()
