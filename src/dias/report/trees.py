"""Merge trees as figures: which slots join at which distance, and where the tree is cut."""

from dias.evaluation.closely import Tree
from dias.report.figures import INK, MUTED, SERIES, as_svg, new_axes, new_figure
from dias.viz import colours


def tree_figure(tree: Tree, *, name: str) -> str:
    """A dendrogram; leaves have the colours that the slots have in the pictures.

    Args:
        tree: of one image.
        name: tells the figure from others of the page.
    """
    figure = new_figure()
    axes = new_axes(
        figure, title=f"merge tree, {tree.cut} of {tree.slots - 1} merges made", x="slot", y="cosine distance"
    )
    order = _leaves(tree)
    at = {slot: (float(place), 0.0) for place, slot in enumerate(order)}
    for step, (one, other, height) in enumerate(tree.merges):
        (left, low), (right, high) = at[one], at[other]
        made = step < tree.cut
        axes.plot(
            [left, left, right, right],
            [low, height, height, high],
            color=SERIES[0] if made else MUTED,
            linewidth=1.8 if made else 1.0,
        )
        at[one] = ((left + right) / 2, height)
    axes.axhline(_cut_at(tree), color=SERIES[1], linewidth=1.2, linestyle="--")
    palette = colours(tree.slots)
    for place, slot in enumerate(order):
        colour = tuple(channel / 255 for channel in palette[slot].tolist())
        axes.plot(
            place, 0, marker="s", markersize=8, color=colour, clip_on=False, markeredgecolor=INK, mew=0.4
        )
    axes.set_xticks(range(len(order)), [str(slot + 1) for slot in order])
    axes.tick_params(axis="x", pad=7)  # below the coloured marks
    axes.set_ylim(bottom=0)
    return as_svg(figure, name=name)


def _leaves(tree: Tree) -> list[int]:
    """Slots, so that no lines cross."""
    members = {slot: [slot] for slot in range(tree.slots)}
    for one, other, _ in tree.merges:
        members[one] = members[one] + members.pop(other)
    return [slot for group in members.values() for slot in group]


def _cut_at(tree: Tree) -> float:
    """The threshold; of an automatic one, the middle between the last merge made and the next."""
    if tree.threshold is not None:
        return tree.threshold
    heights = [0.0, *(height for _, _, height in tree.merges)]
    after = heights[tree.cut + 1] if tree.cut + 1 < len(heights) else heights[-1]
    return (heights[min(tree.cut, len(heights) - 1)] + after) / 2
