"""A recognition result for a terminal."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dias.recognition.scores import Recognition, Scores


def table(found: Recognition) -> Table:
    """Scores of matched objects and of all, in percent; R2 as it is."""
    made = Table(
        box=SIMPLE_HEAD,
        title=f"{found.matched} of {found.objects} objects matched ({100 * found.recall:.1f}%) in "
        f"{found.pictures} pictures",
    )
    for column in ("objects", "number", "top-1", "top-3", "box IoU", "box R2"):
        made.add_column(column, justify="left" if column == "objects" else "right")
    made.add_row("matched", str(found.matched), *_cells(found.of_matched))
    made.add_row("all, unmatched wrong", str(found.objects), *_cells(found.of_all))
    return made


def by_class(found: Recognition) -> Table:
    """A row a class."""
    made = Table(box=SIMPLE_HEAD)
    for column in ("class", "objects", "matched", "top-1 of matched"):
        made.add_column(column, justify="left" if column == "class" else "right")
    for one in found.by_class:
        made.add_row(one.name, str(one.objects), str(one.matched), _percent(one.top1))
    return made


def _cells(scores: Scores) -> list[str]:
    r2 = "-" if scores.box_r2 != scores.box_r2 else f"{scores.box_r2:.3f}"
    return [_percent(scores.top1), _percent(scores.top3), _percent(scores.box_iou), r2]


def _percent(value: float) -> str:
    return "-" if value != value else f"{100 * value:.1f}"
