"""An inspection in lines for a terminal of 80 columns."""

import textwrap
from collections.abc import Iterator, Sequence

from dias.inspection.findings import Bar, Inspection, Part, Spread, Statistics

_COLUMNS = 80
_SHOWN = 20  # faults; the others are in the file
_CLASSES = 5
_BAR = 36  # columns of the longest bar


def lines(found: Inspection) -> Iterator[str]:
    """All that fits a screen; only a fault's own line may be longer than 80 columns."""
    yield f"{found.path}: {found.title} (kind {found.kind}),"
    yield f"  recognised by {found.mark}"
    if found.kind == "folder":
        yield "  if it should be another data set: dias data list NAME tells what marks it"
    for part in found.parts:
        yield ""
        yield from _part(part)
    for one in found.unlisted:
        yield ""
        yield f"{one.title}: cannot be opened: {one.line}"


def fault_lines(found: Inspection) -> Iterator[str]:
    """The first faults, one a line."""
    for fault in found.faults[:_SHOWN]:
        yield f"faulty: {fault.line}"
    if len(found.faults) > _SHOWN:
        yield f"... and {len(found.faults) - _SHOWN:,} more"


def all_shown(found: Inspection) -> bool:
    """`fault_lines` leaves none out."""
    return len(found.faults) <= _SHOWN


def headline(part: Part) -> str:
    """How much there is, how much of it was read, and with what success."""
    read = "all read" if part.read == part.listed else f"{part.read:,} read"
    faulty = len({fault.name for fault in part.faults})
    said = f"{faulty:,} faulty" if faulty else "none faulty"
    stopped = " (stopped)" if part.stopped else ""
    return f"{part.listed:,} {part.unit}, {read}{stopped}, {said}"


def facts(part: Part) -> dict[str, str]:
    """Names and values of what is in a part, without its histograms."""
    told = {}
    if chosen := settings(part):
        told["settings"] = chosen
    if part.published:
        same = "another number" if part.differs else "the same number"
        told["published"] = f"{published(part)} {part.unit}: {same}"
    if part.statistics is not None:
        told |= _clip_facts(part.statistics) | _frame_facts(part.statistics)
    return told


def settings(part: Part) -> str:
    """What opens the part: `KEY=VALUE`, but for kind and path."""
    chosen = {
        name: value
        for name, value in part.settings.items()
        if name not in ("kind", "path") and value is not None
    }
    return ", ".join(f"{name}={value}" for name, value in chosen.items())


def published(part: Part) -> str:
    """How many samples there should be; of several editions, each."""
    return " or ".join(f"{count:,}" for count in part.published)


def histograms(statistics: Statistics) -> dict[str, Sequence[Bar]]:
    """What is counted, by what it is of."""
    shown: dict[str, Sequence[Bar]] = {}
    if statistics.clips is not None:
        shown["clips with so many objects"] = statistics.clips.objects
    frames = "images" if statistics.clips is None else "frames"
    shown[f"{frames} with so many objects"] = statistics.objects
    shown[f"objects of such an area (share of the {frames[:-1]})"] = statistics.areas
    return {name: bars for name, bars in shown.items() if bars}


def _part(part: Part) -> Iterator[str]:
    yield f"{part.title}: {headline(part)}, {part.seconds:.1f} s"
    if part.differs:
        yield (
            f"  warning: {part.listed:,} {part.unit} here, {published(part)} published; "
            "is an archive missing?"
        )
    for name, value in facts(part).items():
        yield from textwrap.wrap(
            value,
            _COLUMNS,
            initial_indent=f"  {name:15} ",
            subsequent_indent=" " * 18,
            break_long_words=False,
            break_on_hyphens=False,
        )
    for name, bars in histograms(part.statistics).items() if part.statistics else ():
        yield f"  {name}:"
        yield from _bars(bars)


def _bars(bars: Sequence[Bar]) -> Iterator[str]:
    most = max(bar.count for bar in bars)
    for bar in bars:
        length = -(-bar.count * _BAR // most) if most else 0  # one is seen beside a million
        yield f"    {bar.label:>12}  {'█' * length}{' ' * bool(length)}{bar.count:,}"


def _clip_facts(statistics: Statistics) -> dict[str, str]:
    clips = statistics.clips
    if clips is None:
        return {}
    told = {"frames": f"{statistics.frames:,}", "frames / clip": _range(clips.lengths)}
    if clips.seen is not None:
        told["seen / object"] = f"{_percent(clips.seen)} (share of its clip's frames)"
    return told


def _frame_facts(statistics: Statistics) -> dict[str, str]:
    one, many = ("image", "images") if statistics.clips is None else ("frame", "frames")
    told = {"width": f"{_range(statistics.widths)} pixels", "height": f"{_range(statistics.heights)} pixels"}
    if statistics.per_frame is not None:
        told[f"objects / {one}"] = _range(statistics.per_frame)
    if statistics.area is not None:
        told["area / object"] = f"{_percent(statistics.area)} (share of the {one})"
    if statistics.ignored is not None:
        told["ignored"] = f"{statistics.ignored:.2%} of the pixels"
    told["without masks"] = _share(statistics.without_masks, statistics.frames, many)
    if statistics.without_masks < statistics.frames:
        told["without objects"] = _share(statistics.without_objects, statistics.frames, many)
    if statistics.classes:
        told["classes"] = _classes(statistics.classes)
    return told


def _classes(bars: Sequence[Bar]) -> str:
    shown = ", ".join(f"{bar.label} ({bar.count:,})" for bar in bars[:_CLASSES])
    return f"{len(bars):,}: {shown}" + (", ..." if len(bars) > _CLASSES else "")


def _range(spread: Spread) -> str:
    if spread.least == spread.most:
        return f"{spread.least:,.0f}"
    return f"{spread.least:,.0f} to {spread.most:,.0f}, median {spread.median:,.10g}"


def _percent(spread: Spread) -> str:
    if spread.least == spread.most:
        return f"{spread.least:.2%}"
    return f"{spread.least:.2%} to {spread.most:.2%}, median {spread.median:.2%}"


def _share(count: int, whole: int, what: str) -> str:
    return f"{count:,} {what} ({count / whole:.1%})" if count else "none"
