"""Writes a pack: in parallel, resumable, the same bytes for the same data set."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from filelock import FileLock, Timeout

from dias.data.formats.json_file import read_json
from dias.data.packing.job import Job, Part
from dias.data.packing.manifest import (
    FORMAT,
    INDEX,
    MANIFEST,
    UNFINISHED,
    Index,
    Manifest,
    PackSettings,
    parse_manifest,
)
from dias.data.parallel import each
from dias.data.samples import ImageSource
from dias.errors import DiasError, FileError, SampleError
from dias.files import write_atomic, write_json
from dias.progress import ProgressLine
from dias.provenance import record

_WEIGHED = 16  # samples from which the size is estimated


def pack(
    source: ImageSource,
    folder: Path,
    settings: PackSettings,
    *,
    origin: Mapping[str, Any],
    workers: int = 1,
    bad_images: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> Manifest:
    """Pack a data set, or finish a pack that was stopped.

    Shard i holds samples `i * per_shard` and on, whoever writes it, and nothing in it but the samples decides
    its bytes: neither the number of workers nor a stop at any moment changes any. Each shard gets its name
    when it is whole and on the disk; the index and, last, the manifest come when all are there.

    Args:
        source: what is packed. A data set of clips is packed as its frames (`dias.data.frames.images_of`),
            clip after clip, so that the frames of one lie together.
        folder: of the pack; a pack of something else there is refused.
        settings: what decides the bytes.
        origin: the settings of the data set, to tell it from others; its `path` may change.
        workers: processes.
        bad_images: stop at an unreadable sample, or leave it out and list it.
        progress: show a progress bar.

    Raises:
        DiasError: the folder holds something else, or another process packs there; the disk has no room; no
            sample can be read.
        SampleError: a sample cannot be read, unless those are skipped.
    """
    start = Manifest(
        format=FORMAT,
        fingerprint=source.fingerprint(),
        source={key: value for key, value in origin.items() if key != "path"},
        count=len(source),
        settings=settings,
        shards=[],
        left_out=[],
        index="",
        provenance={},
    )
    with _alone(folder):
        if not (folder / MANIFEST).exists():
            _prepare(folder, start)
            _write_shards(source, folder, start, workers=workers, bad_images=bad_images, progress=progress)
            _finish(folder, start)
        _check_same(folder / MANIFEST, start)
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
        return parse_manifest((folder / MANIFEST).read_bytes(), str(folder / MANIFEST))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout:
        raise FileError(folder, "another process is packing there", do="wait until it is done") from None


def _prepare(folder: Path, start: Manifest) -> None:
    """Note what is being packed here, or make sure that it is the same."""
    note = folder / UNFINISHED / MANIFEST
    for torn in folder.glob(".*.part"):
        torn.unlink()
    if note.exists() and any(folder.glob("shard-*.tar")):
        _check_same(note, start)
        return
    others = [file.name for file in folder.iterdir() if file.name not in (".lock", UNFINISHED)]
    if others:
        raise FileError(folder, f"holds other files, such as {others[0]}", do="choose an empty folder")
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    write_json(note, msgspec.to_builtins(start))


def _check_same(file: Path, start: Manifest) -> None:
    found = parse_manifest(file.read_bytes(), str(file))
    names = ("fingerprint", "count", "source", "settings")
    odd = [name for name in names if getattr(found, name) != getattr(start, name)]
    if odd:
        raise FileError(
            file.parent,
            f"holds a pack made with another {', '.join(odd)}",
            do="choose another folder, or delete it",
        )


def _write_shards(
    source: ImageSource,
    folder: Path,
    start: Manifest,
    *,
    workers: int,
    bad_images: Literal["stop", "skip"],
    progress: bool,
) -> None:
    job = Job(source, folder, start.settings, skip_bad=bad_images == "skip")
    todo = [number for number in range(job.shards) if not job.is_done(number)]
    _check_space(job, len(todo))
    done = len(source) - sum(len(job.samples(number)) for number in todo)
    with ProgressLine("pack", total=len(source), done=done, shown=progress) as line:
        for number in each(job.write, todo, workers=workers):
            done += len(job.samples(number))
            line.to(done, note=f"{line.speed:.1f} images/s")


def _check_space(job: Job, shards: int) -> None:
    """Weigh some samples of the whole set, rather than find out in the middle of the night."""
    sizes = []
    count = len(job.source)
    for place in np.unique(np.linspace(0, count - 1, _WEIGHED).astype(int)).tolist():
        try:
            sizes.append(len(job.record(place)))
        except SampleError:
            continue  # told of in its turn
    needed = shards * job.settings.per_shard * sum(sizes) / max(len(sizes), 1)
    free = shutil.disk_usage(job.folder).free
    if free < needed:
        raise FileError(
            job.folder,
            f"needs about {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free",
            do="free space, choose another folder, or store pictures smaller with --size",
        )


def _finish(folder: Path, start: Manifest) -> None:
    parts = [read_json(file, Part) for file in sorted((folder / UNFINISHED).glob("[0-9]*.json"))]
    if not any(part.facts.samples for part in parts):
        raise DiasError(f"{folder}: none of the {start.count} samples could be read; check the data folder")
    index = Index(
        names=[name for part in parts for name in part.index.names],
        offsets=[offset for part in parts for offset in part.index.offsets],
        lengths=[length for part in parts for length in part.index.lengths],
        sums=[checksum for part in parts for checksum in part.index.sums],
        scenes=[scene for part in parts for scene in part.index.scenes],
    )
    content = msgspec.json.encode(index)
    write_atomic(folder / INDEX, lambda stream: stream.write(content))
    whole = msgspec.structs.replace(
        start,
        shards=[part.facts for part in parts],
        left_out=[one for part in parts for one in part.left_out],
        index=hashlib.sha256(content).hexdigest(),
        provenance=record(data=start.fingerprint).to_dict(),
    )
    write_json(folder / MANIFEST, msgspec.to_builtins(whole))
