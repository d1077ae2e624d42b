"""A data set that `dias data pack` packed, on a disk or in object storage."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
from isal import isal_zlib
from pydantic import PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.blocks import Blocks
from dias.data.images import read_image
from dias.data.packing.local_cache import LocalCache
from dias.data.packing.manifest import MANIFEST, UNFINISHED, Index, Manifest, read_pack, shard_name
from dias.data.packing.record import decoded, picture
from dias.data.packing.s3 import SCHEME, Bucket
from dias.data.packing.stores import Folder, Store
from dias.data.samples import ImageSample, Origin
from dias.data.sources.contract import Use
from dias.errors import FileError, SampleError, SettingError


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PackedConfig:
    """Settings of a pack.

    Attributes:
        path: its folder, or `s3://bucket/prefix`.
        cache: folder on a fast disk where shards are kept, for a pack that lies far away; any number of
            processes can share it. None: each sample is fetched by itself, each time.
        cache_gb: how much the folder may hold, in units of 10^9 bytes.
        window: shards whose pictures are shuffled together in training.
    """

    kind: Literal["packed"] = "packed"
    path: str
    cache: str | None = None
    cache_gb: PositiveFloat = 50.0
    window: PositiveInt = 16

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "PackedConfig | None":
        """Where there is a `pack.json`, or will be; and whatever lies in S3."""
        if path.parts[:1] == ("s3:",):  # a Path drops the second slash
            return cls(path=SCHEME + "/".join(path.parts[1:]))
        unfinished = path / UNFINISHED / MANIFEST
        return cls(path=str(path)) if (path / MANIFEST).exists() or unfinished.exists() else None

    def splits(self) -> tuple[str, ...]:
        """None: a split was chosen when the pack was made."""
        return ()

    def build(self) -> "Packed":
        """Read manifest and index.

        Raises:
            DiasError: the pack is missing, unfinished or damaged, or the cache too small for its shards.
        """
        store: Store
        if self.path.startswith(SCHEME):
            store = Bucket(self.path)
        else:
            folder = Path(self.path).expanduser()
            if (folder / UNFINISHED).exists() and not (folder / MANIFEST).exists():
                raise FileError(
                    folder, "is not packed to the end", do="run the same `dias data pack` again to finish it"
                )
            store = Folder(folder)
        manifest, index = read_pack(store)
        if self.cache is not None:
            store = self._cached(store, manifest, Path(self.cache).expanduser())
        return Packed(store, manifest, index, window=self.window)

    def _cached(self, store: Store, manifest: Manifest, folder: Path) -> LocalCache:
        limit = round(self.cache_gb * 1e9)
        needed = sum(sorted(shard.bytes for shard in manifest.shards)[-self.window :])
        if needed > limit:
            raise SettingError(
                "cache_gb",
                self.cache_gb,
                f"but {self.window} shards take {needed / 1e9:.2f} GB; raise it, or lower window",
            )
        pack = sha256(store.get(MANIFEST)).hexdigest()[:16]
        return LocalCache(store, folder, pack=pack, shards=manifest.shards, limit=limit)


class Packed:
    """Samples as the data set gave them that was packed; any can be read at any time.

    Attributes:
        manifest: what the pack says of itself.
    """

    def __init__(self, store: Store, manifest: Manifest, index: Index, *, window: int) -> None:
        self.manifest = manifest
        self._store, self._window = store, window
        self._names = index.names
        # arrays, not lists: forked processes share them, and do not copy them by counting references
        self._offsets, self._lengths, self._sums, self._scenes = (
            np.array(values, dtype=np.int64)
            for values in (index.offsets, index.lengths, index.sums, index.scenes)
        )
        self._ends = np.array(list(accumulate(shard.samples for shard in manifest.shards)), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> ImageSample:
        """Read a sample.

        Raises:
            SampleError: its bytes are damaged or missing; names the shard.
            FileError: the shard is missing or cannot be reached.
        """
        return decoded(self._record(index), where=self._store.where(self._shard(index)))

    def picture(self, index: int) -> ImageSample:
        """Read the picture of a sample alone.

        Raises:
            SampleError: its bytes are damaged or missing; names the shard.
            FileError: the shard is missing or cannot be reached.
        """
        where = self._store.where(self._shard(index))
        image = read_image(Path(where), content=self.encoded(index))
        return ImageSample(image=image, name=self._names[index])

    def encoded(self, index: int) -> bytes:
        """A picture's file as it lies in the pack."""
        return picture(self._record(index), where=self._store.where(self._shard(index)))

    def scene(self, index: int) -> int:
        """As in the data set that was packed: frames of one clip share their random views."""
        return int(self._scenes[index])

    def name(self, index: int) -> str:
        """Name of a sample in the data set that was packed."""
        return self._names[index]

    def fingerprint(self) -> str:
        """That of the data set that was packed, if nothing was left out or made smaller."""
        return self.manifest.of_samples()

    def origin(self) -> Origin:
        """The data set that was packed, whatever was lost of it on the way."""
        return Origin(settings=self.manifest.source, fingerprint=self.manifest.fingerprint)

    def blocks(self, indices: Sequence[int]) -> Blocks:
        """How some of the samples (rising) lie in the shards."""
        shards = np.searchsorted(self._ends, np.asarray(indices), side="right")
        sizes = np.bincount(shards)
        return Blocks(sizes=tuple(sizes[sizes > 0].tolist()), window=self._window)

    def damaged(self) -> Iterator[FileError]:
        """Read every shard whole, and tell of each that is not what it was when it was packed."""
        for number, facts in enumerate(self.manifest.shards):
            where, digest = self._store.where(shard_name(number)), sha256()
            try:
                for piece in self._store.pieces(shard_name(number)):
                    digest.update(piece)
            except FileError as error:
                yield error
            else:
                if digest.hexdigest() != facts.sha256:
                    yield FileError(where, "is not what it was when it was packed", do="copy it again")

    def _shard(self, index: int) -> str:
        return shard_name(int(np.searchsorted(self._ends, index, side="right")))

    def _record(self, index: int) -> bytes:
        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = self._shard(index)
        place = int(self._offsets[index]), int(self._lengths[index])
        content = self._store.read(shard, *place)
        if isinstance(self._store, LocalCache) and isal_zlib.crc32(content) != self._sums[index]:
            content = self._store.read_again(shard, *place)
        if isal_zlib.crc32(content) != self._sums[index]:
            raise SampleError(
                self._store.where(shard),
                f"sample {index} ({self._names[index]}) is damaged: its checksum is another",
                do="copy the shard again",
            )
        return content
