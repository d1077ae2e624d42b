"""Sums up what was seen."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Num

from dias.inspection.findings import Bar, Clips, Spread, Statistics
from dias.inspection.look import Frame, Look

_MOST_BARS = 16
_AREAS = (0.001, 0.01, 0.05, 0.2, 0.5)  # where one bar ends and the next begins
_AREA_LABELS = ("below 0.1%", "0.1 to 1%", "1 to 5%", "5 to 20%", "20 to 50%", "above 50%")


def sum_up(looks: Sequence[Look], *, clips: bool) -> Statistics | None:
    """Statistics over all frames that are whole; None if there are none.

    Args:
        looks: at images, or at clips.
        clips: which of the two.
    """
    whole = [look for look in looks if look.frames]
    if not whole:
        return None
    frames = [frame for look in whole for frame in look.frames]
    sizes = np.array([frame.size for frame in frames])
    counted = np.array([len(frame.numbers) for frame in frames if frame.numbers is not None], dtype=np.int64)
    areas = np.concatenate([frame.areas for frame in frames])
    return Statistics(
        frames=len(frames),
        widths=_spread(sizes[:, 1]),
        heights=_spread(sizes[:, 0]),
        per_frame=Spread.of(counted),
        objects=_bars(counted.tolist()),
        area=Spread.of(areas),
        areas=_area_bars(areas),
        ignored=_ignored(frames),
        without_masks=sum(not frame.masked for frame in frames),
        without_objects=sum(frame.masked and not _seen(frame) for frame in frames),
        classes=_classes(whole),
        clips=_clips(whole) if clips else None,
    )


def _bars(values: Sequence[int]) -> tuple[Bar, ...]:
    """How often each number comes; of many numbers, ranges of one width."""
    if not values:
        return ()
    least, most = min(values), max(values)
    width = -(-(most - least + 1) // _MOST_BARS)
    start = least - least % width
    counts = Counter((value - start) // width for value in values)
    bars = []
    for place in range((most - start) // width + 1):
        first = start + place * width
        label = str(first) if width == 1 else f"{first} to {first + width - 1}"
        bars.append(Bar(label=label, count=counts[place]))
    return tuple(bars)


def _area_bars(areas: Num[np.ndarray, " n"]) -> tuple[Bar, ...]:
    if not areas.size:
        return ()
    counts = np.bincount(np.digitize(areas, _AREAS), minlength=len(_AREA_LABELS)).tolist()
    return tuple(Bar(label=label, count=count) for label, count in zip(_AREA_LABELS, counts, strict=True))


def _ignored(frames: Iterable[Frame]) -> float | None:
    shares = [(frame.ignored, frame.size[0] * frame.size[1]) for frame in frames if frame.ignored is not None]
    pixels = sum(size for _, size in shares)
    return sum(share * size for share, size in shares) / pixels if pixels else None


def _classes(looks: Iterable[Look]) -> tuple[Bar, ...]:
    counts: Counter[int] = Counter()
    for look in looks:
        if look.classes is not None:
            counts.update(look.classes.tolist())
    return tuple(Bar(label=str(number), count=count) for number, count in counts.most_common())


def _clips(looks: Sequence[Look]) -> Clips:
    shares: list[float] = []
    objects: list[int] = []
    for look in looks:
        if any(frame.numbers is not None for frame in look.frames):
            seen = Counter(number for frame in look.frames for number in _seen(frame))
            shares += [count / len(look.frames) for count in seen.values()]
            objects.append(len(seen))
    return Clips(
        lengths=_spread(np.array([look.length for look in looks])),
        objects=_bars(objects),
        seen=Spread.of(np.array(shares)),
    )


def _seen(frame: Frame) -> list[int]:
    return [] if frame.numbers is None else frame.numbers.tolist()


def _spread(values: Num[np.ndarray, " n"]) -> Spread:
    found = Spread.of(values)
    assert found is not None
    return found
