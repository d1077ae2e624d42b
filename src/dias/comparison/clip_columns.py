"""Scores of clips in a comparison: whole clips, tracks, and frames by themselves."""

from collections.abc import Callable

from dias.comparison.columns import Column, count, percent
from dias.evaluation.clips import ClipEvaluation


def _column(title: str, key: str, value: Callable[[ClipEvaluation], float], *, shares: bool = True) -> Column:
    return Column(
        title=title,
        key=key,
        values=lambda row: [value(one) for one in row.clips],
        unit=percent if shares else count,
        more_is_better=shares,
    )


WHOLE = (
    _column("ARI", "ari", lambda one: one.whole.mean.ari),
    _column("ARIfg", "ari_foreground", lambda one: one.whole.mean.ari_foreground),
    _column("mBO", "mbo", lambda one: one.whole.mean.mbo),
    _column("mIoU", "miou", lambda one: one.whole.mean.miou),
)
TRACKS = (
    _column("HOTA", "hota", lambda one: one.tracks.mean.hota),
    _column("IDF1", "idf1", lambda one: one.tracks.mean.idf1),
    _column("switches", "switches", lambda one: one.tracks.mean.switches, shares=False),
    _column("ARIfg/frame", "ari_foreground_per_frame", lambda one: one.per_frame.mean.ari_foreground),
)
