"""Which samples go into which shard, and the writing of one."""

import hashlib
from pathlib import Path
from typing import IO

import msgspec
from isal import isal_zlib

from dias.data.formats.json_file import read_json
from dias.data.frames import scene_of
from dias.data.packing import tar
from dias.data.packing.manifest import UNFINISHED, Index, LeftOut, PackSettings, ShardFacts, shard_name
from dias.data.packing.record import Smaller, encoded
from dias.data.samples import EncodedImages, ImageSource
from dias.errors import SampleError
from dias.files import write_atomic, write_text


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a shard that is whole, until all are."""

    facts: ShardFacts
    index: Index
    left_out: list[LeftOut]


class Job:
    """Which samples go into which shard, and the writing of one; each worker process has a copy."""

    def __init__(self, source: ImageSource, folder: Path, settings: PackSettings, *, skip_bad: bool) -> None:
        self.source, self.folder, self.settings, self.skip_bad = source, folder, settings, skip_bad
        self.shards = -(-len(source) // settings.per_shard)

    def samples(self, number: int) -> range:
        """Samples of a shard."""
        first = number * self.settings.per_shard
        return range(first, min(first + self.settings.per_shard, len(self.source)))

    def part(self, number: int) -> Path:
        """What is known of a shard that is whole."""
        return self.folder / UNFINISHED / f"{number:06d}.json"

    def is_done(self, number: int) -> bool:
        """Whether a shard is whole. Samples that were skipped are tried again, unless they are skipped."""
        file = self.folder / shard_name(number)
        if not (self.part(number).exists() and file.exists()):
            return False
        part = read_json(self.part(number), Part)
        return file.stat().st_size == part.facts.bytes and (self.skip_bad or not part.left_out)

    def write(self, number: int) -> int:
        """Write a shard, then what is known of it."""
        index = Index(names=[], offsets=[], lengths=[], sums=[], scenes=[])
        left_out: list[LeftOut] = []
        digest = hashlib.sha256()

        def write(stream: IO[bytes]) -> None:
            for place in self.samples(number):
                try:
                    content = self.record(place)
                except SampleError as error:
                    if not self.skip_bad:
                        raise
                    left_out.append(LeftOut(name=self.source.name(place), reason=error.problem))
                    continue
                index.names.append(self.source.name(place))
                index.offsets.append(stream.tell())
                index.lengths.append(len(content))
                index.sums.append(isal_zlib.crc32(content))
                index.scenes.append(scene_of(self.source, place))
                stream.write(content)
                digest.update(content)
            stream.write(tar.END)
            digest.update(tar.END)

        file = self.folder / shard_name(number)
        write_atomic(file, write)
        facts = ShardFacts(samples=len(index.names), bytes=file.stat().st_size, sha256=digest.hexdigest())
        part = Part(facts=facts, index=index, left_out=left_out)
        write_text(self.part(number), msgspec.json.encode(part).decode())
        return number

    def record(self, place: int) -> bytes:
        """A sample's bytes.

        Raises:
            SampleError: it cannot be read.
        """
        smaller = None
        if self.settings.size is not None:
            smaller = Smaller(side=self.settings.size, quality=self.settings.quality)
        sample = self.source[place]
        if any("\ud800" <= letter <= "\udfff" for letter in sample.name):  # bytes that are no UTF-8
            raise SampleError(repr(sample.name), "has a name that is not Unicode", do="rename the file")
        original = self.source.encoded(place) if isinstance(self.source, EncodedImages) else None
        return encoded(sample, index=place, original=original, smaller=smaller)
