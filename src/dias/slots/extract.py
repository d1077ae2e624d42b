"""Slots of every picture or frame of a data set to disk, once: in shards, so that it can stop and go on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dias.data.frames import ClipFrames
from dias.data.part import Part
from dias.data.samples import ImageSource, Skipped
from dias.errors import DiasError, SlotsError
from dias.features.lock import only_writer
from dias.inference.segment import Segmentation, Segmenter
from dias.inference.tracks import Tracker
from dias.slots.following import followed
from dias.slots.header import HEADER, SlotHeader, differences, read_header, write_header
from dias.slots.parquet import parquet
from dias.slots.shards import Shard, is_done, read_facts


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """How many pictures have their slots in the folder, and which could not be read."""

    pictures: int
    skipped: tuple[Skipped, ...]


def extract(
    finder: Segmenter | Tracker,
    source: ImageSource,
    out: Path,
    *,
    header: SlotHeader,
    on_pictures: Callable[[int], None] = lambda count: None,
) -> Extracted:
    """Write slots, kept slots, attention, masks and boxes of every picture below `out` (docs/slots.md).

    Shards that are there are left as they are; memory holds one shard. Stopped at any moment, the same call
    goes on, and ends in the same arrays.

    Args:
        finder: finds the slots: a segmenter picture by picture, a tracker through whole clips.
        source: the pictures; for a tracker the frames of clips (`dias.data.frames.ClipFrames`).
        out: folder for the files.
        header: what `header_of` says of this extraction.
        on_pictures: called with how many pictures are done after each.

    Raises:
        SlotsError: the folder holds slots of another extraction; says what differs.
        CacheError: another process is writing there.
        FileError: a file cannot be written, as on a full disk.
        DiasError: no picture could be read; or pyarrow is not installed.
    """
    parquet()
    with only_writer(out):
        if (out / HEADER).exists():
            _check_same(out, header)
        else:
            write_header(out, header, finished=False)
        for number in range(header.shards):
            places = header.places(number)
            if not is_done(out, number, key=header.key):
                _one_shard(finder, source, out, number, header, on_pictures)
            on_pictures(places.stop)
        facts = [read_facts(out, number, key=header.key) for number in range(header.shards)]
        skipped = tuple(one for each in facts for one in each.skipped)
        pictures = sum(len(each.names) for each in facts)
        if not pictures:
            why = f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""
            raise DiasError(f"no picture could be read: {len(skipped)} of {len(source)} skipped{why}")
        write_header(out, header, finished=True, skipped=len(skipped))
    return Extracted(pictures=pictures, skipped=skipped)


def _one_shard(
    finder: Segmenter | Tracker,
    source: ImageSource,
    out: Path,
    number: int,
    header: SlotHeader,
    on_pictures: Callable[[int], None],
) -> None:
    places, shard = header.places(number), Shard(header)
    for place, item in zip(places, _found(finder, source, places), strict=True):
        if isinstance(item, Skipped):
            shard.skipped.append(item)
        else:
            shard.add(place, item)
        on_pictures(place + 1)
    shard.write(out, number)


def _found(
    finder: Segmenter | Tracker, source: ImageSource, places: range
) -> Iterator[Segmentation | Skipped]:
    if isinstance(finder, Segmenter):
        return finder.stream(Part(source, places))
    if not isinstance(source, ClipFrames):
        raise DiasError("slots: a model of clips follows clips; this data set is of pictures")
    return followed(finder, source, places)


def _check_same(out: Path, header: SlotHeader) -> None:
    stored, _ = read_header(out)
    different = differences(stored, header)
    if different:
        raise SlotsError(
            out,
            f"holds slots of another extraction: {', '.join(different)} differ",
            do="choose another folder, or delete it",
        )
