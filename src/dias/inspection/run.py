"""Reads every sample of a data set, some at a time."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np

from dias.config import from_dict, to_dict
from dias.data.catalogue import described, published
from dias.data.samples import ClipSource, ImageSource
from dias.data.sources import SourceConfig, config_for
from dias.data.sources.contract import SeveralSets
from dias.errors import DiasError
from dias.inspection.findings import Inspection, Part, Unlisted
from dias.inspection.look import Look
from dias.inspection.once import Once
from dias.inspection.statistics import sum_up
from dias.progress import ProgressLine

_AHEAD = 4  # samples a thread that wait for it


def inspect(
    path: Path | str,
    *,
    settings: Iterable[str] = (),
    split: str | None = None,
    quick: int | None = None,
    jobs: int = 1,
    pictures: int = 0,
    progress: bool = True,
) -> Inspection:
    """Read every sample of every split of the data set at a path; of several sets, one after the other.

    A sample that several splits share (VOC's trainval is train and val) is read once and counts in each.

    Reading goes on after a fault, and ends at once at Ctrl-C with what was found so far. Threads read:
    decoders let other threads work meanwhile, and processes measured no faster.

    Args:
        path: as `config_for` takes it.
        settings: as `config_for` takes them; `split=S` among them is as `split`.
        split: look at this one alone.
        quick: read so many samples of a split, evenly spread, instead of all.
        jobs: threads.
        pictures: how many samples of a split to draw, evenly spread.
        progress: show a progress bar.

    Raises:
        DiasError: there is no data set, or no such split, or not one split can be opened.
    """
    config, configs = _configs(Path(path), list(settings), split)
    kind = str(to_dict(config)["kind"])
    facts = described(kind)
    parts, unlisted, once = [], [], Once()
    for title, one in configs:
        try:
            source = one.build()
        except DiasError as error:
            unlisted.append(Unlisted(title=title, line=str(error)))
            continue
        parts.append(
            _part(source, one, title, once, quick=quick, jobs=jobs, pictures=pictures, progress=progress)
        )
        if parts[-1].stopped:
            break
    if not parts:
        raise DiasError("; ".join(one.line for one in unlisted))
    return Inspection(
        path=str(path),
        kind=kind,
        title=facts.title if facts else kind,
        mark=facts.mark if facts else "its files",
        parts=tuple(parts),
        unlisted=tuple(unlisted),
    )


def _configs(
    path: Path, settings: list[str], split: str | None
) -> tuple[SourceConfig, list[tuple[str, SourceConfig]]]:
    """Settings of what lies at a path, and of each part of it under the part's name."""
    config = config_for(path, use="check", settings=settings)
    named = any(change.partition("=")[0].strip() == "split" for change in settings)
    if split is None and named:
        split = str(to_dict(config)["split"])
    sets = config.several() if isinstance(config, SeveralSets) else ()
    if sets:
        having = [(name, one) for name, one in sets if split in (None, *one.splits())] or sets[:1]
        parts = [(name, *part) for name, one in having for part in _parts(path, one, split, named=named)]
        return config, [(f"{name} {title}", part) for name, title, part in parts]
    there = config.splits()
    if split is None and not there:  # what is trained on may be another part of the folder
        trained = config_for(path, use="train", settings=settings)
        return config, [("all", config)] if trained == config else [("train", trained), ("evaluate", config)]
    return config, _parts(path, config, split, named=named)


def _parts(
    path: Path, config: SourceConfig, split: str | None, *, named: bool
) -> list[tuple[str, SourceConfig]]:
    """Settings of a data set's splits; `split` is taken as it is where it was `named` in the settings."""
    there = config.splits()
    if split is not None and not named and split not in there:
        known = f"there are {', '.join(there)}" if there else "it has none"
        raise DiasError(f"{path}: no split {split!r}; {known}")
    single = [name for name in there if name != "all"] or there  # all would read everything twice
    wanted = single if split is None else [split]
    return [(name, _with_split(config, name, where=path)) for name in wanted]


def _with_split(config: SourceConfig, split: str, *, where: Path) -> SourceConfig:
    return from_dict(type(config), to_dict(config) | {"split": split}, where=str(where))


def _part(
    source: ImageSource | ClipSource,
    config: SourceConfig,
    title: str,
    once: Once,
    *,
    quick: int | None,
    jobs: int,
    pictures: int,
    progress: bool,
) -> Part:
    clips = isinstance(source, ClipSource)
    chosen = _spread(range(len(source)), quick)
    began = time.monotonic()
    drawn = set(_spread(once.can_draw(source, chosen), pictures))
    looks: list[Look] = []
    faulty, stopped = 0, False
    with ProgressLine(f"check {title}", total=len(chosen), shown=progress) as line:
        try:
            for look in _looks(source, chosen, once, drawn=drawn, jobs=jobs):
                looks.append(look)
                faulty += bool(look.faults)
                line.step(note=f"{faulty} faulty" if look.faults else None)
        except KeyboardInterrupt:
            stopped = True
    return Part(
        title=title,
        settings=to_dict(config),
        unit="clips" if clips else "images",
        listed=len(source),
        published=tuple(sorted({count.samples for count in published(config)})),
        read=len(looks),
        faults=tuple(fault for look in looks for fault in look.faults),
        statistics=sum_up(looks, clips=clips),
        drawn=tuple(look.drawn for look in looks if look.drawn is not None),
        stopped=stopped,
        seconds=time.monotonic() - began,
    )


def _looks(
    source: ImageSource | ClipSource, chosen: Sequence[int], once: Once, *, drawn: set[int], jobs: int
) -> Iterator[Look]:
    """Looks at the samples chosen, in their order."""
    stop = Event()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="dias-check")
    waiting: deque[Future[Look]] = deque()
    try:
        for index in chosen:
            waiting.append(pool.submit(once.look_at, source, index, draw=index in drawn, stop=stop))
            if len(waiting) > _AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _spread(places: Sequence[int], count: int | None) -> Sequence[int]:
    """So many of some places, evenly spread; all if there are no more."""
    if count is None or count >= len(places):
        return places
    chosen = np.linspace(0, len(places) - 1, count).round().astype(int).tolist()
    return [places[place] for place in chosen]
