"""Figures as SVG that stands inside a page and takes its colours and its font from there."""

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from dias.inspection.findings import Bar
from dias.report.journal import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's own (a CSS variable each), so that one figure suits light and dark.
INK, MUTED, LINE = "#010101", "#010102", "#010103"
SERIES = ("#010201", "#010202", "#010203", "#010204")
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)
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
    figure = new_figure()
    axes = new_axes(figure, title=title, x="step", y=unit)
    for number, one in enumerate(series):
        points = [value * one.scale for value in one.curve.values]
        mark = "o" if len(points) <= 12 else ""
        axes.plot(
            one.curve.steps,
            points,
            color=SERIES[number % len(SERIES)],
            linestyle=_DASHES[number % len(_DASHES)],
            marker=mark,
            markersize=3.5,
            linewidth=1.6,
            label=one.label,
        )
    if len(series) > 1:
        _legend(axes)
    return as_svg(figure, name=title)


def histogram_figure(
    values: Sequence[float],
    *,
    beside: Sequence[float],
    label: str,
    other: str,
    title: str,
    of: str = "mBO of an image, percent",
) -> str:
    """How many images reach which score (0 to 1), in twentieths; `beside` as an outline."""
    figure = new_figure()
    axes = new_axes(figure, title=title, x=of, y="images")
    bins = [5.0 * edge for edge in range(21)]
    axes.hist([100 * value for value in values], bins=bins, color=SERIES[0], alpha=0.75, label=label)
    if beside:
        axes.hist(
            [100 * value for value in beside],
            bins=bins,
            color=SERIES[1],
            histtype="step",
            linewidth=1.6,
            label=other,
        )
        _legend(axes)
    axes.set_xlim(0, 100)
    return as_svg(figure, name=title)


def spread_figure(values: Sequence[float], *, title: str, of: str) -> str:
    """How many images have which change (-1 to 1), 0 in the middle."""
    figure = new_figure()
    axes = new_axes(figure, title=title, x=of, y="images")
    percent = [100 * value for value in values]
    most = max([*(abs(value) for value in percent), 1.0])
    axes.hist(percent, bins=[most * (edge - 10.5) / 10.5 for edge in range(22)], color=SERIES[0], alpha=0.75)
    axes.axvline(0, color=INK, linewidth=0.8)
    return as_svg(figure, name=title)


def pairs_figure(
    across: Sequence[float], up: Sequence[float], *, x: str, y: str, title: str, whole: bool = False
) -> str:
    """A point an image, and the line where both are equal.

    Args:
        across: a number an image.
        up: another.
        x: what the first is.
        y: what the second is.
        title: of the figure.
        whole: they are counts: points that fall together are one, the larger the more images there are.
    """
    figure = new_figure()
    axes = new_axes(figure, title=title, x=x, y=y)
    points = Counter(zip(across, up, strict=True))
    most = max(points.values(), default=1)
    sizes = [280 * count / most if whole else 16.0 for count in points.values()]
    axes.scatter(
        [one for one, _ in points], [other for _, other in points], s=sizes, color=SERIES[0], alpha=0.6, lw=0
    )
    ends = [min([*across, *up], default=0), max([*across, *up], default=1)]
    axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle="--")
    axes.margins(0.12)
    return as_svg(figure, name=title)


def bars_figure(bars: Sequence[Bar], *, title: str, name: str) -> str:
    """A bar for each sort of thing that is counted; `name` tells the figure from others of the page."""
    figure = new_figure()
    axes = new_axes(figure, title=title, x="", y="")
    places = range(len(bars))
    axes.bar(places, [bar.count for bar in bars], color=SERIES[0], alpha=0.75, width=0.8)
    turned = 35 if len(bars) > 8 or any(len(bar.label) > 5 for bar in bars) else 0
    axes.set_xticks(places, [bar.label for bar in bars], rotation=turned, ha="right" if turned else "center")
    return as_svg(figure, name=name)


def new_figure() -> "Figure":
    """An empty figure of the page's usual size."""
    from matplotlib.figure import Figure

    return Figure(figsize=_SIZE, layout="constrained")


def new_axes(figure: "Figure", *, title: str, x: str, y: str) -> "Axes":
    """Axes in the page's colours and type."""
    axes: Axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.set_xlabel(x, color=MUTED, fontsize=9)
    axes.set_ylabel(y, color=MUTED, fontsize=9)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    axes.locator_params(axis="both", nbins=6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    return axes


def _legend(axes: "Axes") -> None:
    axes.legend(frameon=False, fontsize=9, labelcolor=MUTED)


def as_svg(figure: "Figure", *, name: str) -> str:
    """The drawing alone: no header, no namespace, no size, ids that begin with its name."""
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
    return f'{head} role="img" aria-label="{escape(name)}">{rest}'.strip()
