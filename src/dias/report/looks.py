"""Images looked at closely, as pieces of a page: stages, attention round by round, merge tree."""

from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from dias.data.samples import ImageSource
from dias.evaluation.closely import Closely, look_closely
from dias.evaluation.pictures import as_measured, choose
from dias.evaluation.results import Evaluation
from dias.models.image import ImageModel
from dias.report.gallery import as_data_url
from dias.report.trees import tree_figure
from dias.viz import colours, contact_sheet, overlay
from dias.viz.spotlight import spotlight

_STAGES = ("image", "ground truth", "first iteration", "last, not reduced", "final")
_SIDE = 112  # pixels of a spotlight
_MOST = 12  # slots in a row of spotlights


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Images under one heading."""

    title: str
    about: str
    images: tuple[Closely, ...]


def extremes(
    model: ImageModel, source: ImageSource, evaluation: Evaluation, *, count: int
) -> tuple[Looks, ...]:
    """The images with the best and with the worst mBO, looked at closely.

    Args:
        model: that was measured.
        source: that it was measured on.
        evaluation: what was found.
        count: images of either kind; an image is shown once.
    """
    model = as_measured(model, evaluation)
    places = {source.name(index): index for index in range(len(source))}
    shown: set[str] = set()
    looks = []
    for choice in choose(evaluation, extremes=count)[1:]:
        names = [name for name in choice.names if name not in shown]
        shown |= set(names)
        found = tuple(look_closely(model, source, places[name], config=evaluation.config) for name in names)
        looks.append(Looks(title=choice.title, about=choice.about, images=found))
    return tuple(one for one in looks if one.images)


def look(found: Closely, *, name: str, caption: str) -> str:
    """One image: its stages in a strip, then its attention and its merge tree.

    Args:
        found: what there is to see.
        name: part of the page that this is; figures have ids that begin with it.
        caption: under the strip.
    """
    strip = contact_sheet([list(found.panels)], titles=_STAGES)
    parts = [picture(strip, alt=f"stages of {found.name}", caption=caption, wide=True)]
    about = f"Attention of each round: winners, then each slot's own{_left_out(found)}."
    parts.append(picture(rounds(found), alt=f"attention of {found.name}", caption=about, wide=True))
    if found.tree is not None:
        drawn = tree_figure(found.tree, name=f"{name} merge tree")
        parts.append(f'<div class="chart one">{drawn}</div>')
    return f'<div class="look" id="{escape(name)}">{"".join(parts)}</div>'


def picture(array: np.ndarray, *, alt: str, caption: str = "", wide: bool = False) -> str:
    """A picture that stands in the page itself; a wide one scrolls sideways on a phone."""
    height, width = array.shape[:2]
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    kind = ' class="scroll wide"' if wide else ""
    return (
        f'<figure><div{kind}><img src="{as_data_url(Image.fromarray(array))}" width="{width}" '
        f'height="{height}" loading="lazy" alt="{escape(alt)}"></div>{said}</figure>'
    )


def rounds(found: Closely) -> np.ndarray:
    """A row a round: the picture under the winners' colours, then the picture as each slot sees it."""
    image, shown = found.panels[0], _shown(found)
    palette = colours(found.attention[0].shape[0])
    rows, titles = [], []
    for number, maps in enumerate(found.attention, start=1):
        winners = np.kron(maps.argmax(axis=0), np.ones((8, 8), dtype=np.int64))
        large = np.asarray(Image.fromarray(winners.astype(np.uint8)).resize(image.shape[1::-1], 0), np.int64)
        rows.append(
            [overlay(image, large, palette=palette), *(spotlight(image, maps[slot]) for slot in shown)]
        )
        titles.append(f"round {number}{', after the merge' if _merged(maps) else ''}")
    heads = ["winners", *(f"slot {slot + 1}" for slot in shown)]
    return contact_sheet(rows, titles=heads, row_titles=titles, size=_SIDE)


def _shown(found: Closely) -> list[int]:
    """Slots in a row: all, or those that see most, in the last round or before it."""
    seen = np.max([maps.sum(axis=(1, 2)) for maps in found.attention], axis=0)
    return sorted(np.argsort(-seen, kind="stable")[:_MOST].tolist())


def _left_out(found: Closely) -> str:
    more = found.attention[0].shape[0] - _MOST
    return f" ({more} slots that see least are left out)" if more > 0 else ""


def _merged(maps: np.ndarray) -> bool:
    return bool((maps.sum(axis=(1, 2)) == 0).any())
