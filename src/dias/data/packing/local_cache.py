"""Shards of a pack far away, kept on a local disk: fetched whole, checked, shared by all who read there."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from dias.data.packing.manifest import ShardFacts, shard_name
from dias.data.packing.stores import Store, read_part
from dias.errors import FileError, SampleError
from dias.files import atomic, sha256


class LocalCache:
    """A store that reads through files in a folder.

    A shard is fetched by one process at a time and appears under its name only when it is whole and its hash
    is right, so that readers never see a torn one. Those unused for longest go when the folder is full.

    Args:
        store: where the pack lies.
        folder: shared by any number of packs and processes of one machine.
        pack: tells this pack from others in the folder.
        shards: what their files must be.
        limit: bytes that the shards in the folder may take together.
    """

    def __init__(
        self, store: Store, folder: Path, *, pack: str, shards: Sequence[ShardFacts], limit: int
    ) -> None:
        self.store, self.folder, self.limit = store, folder, limit
        self._here = folder / pack
        self._shards = {shard_name(number): shard for number, shard in enumerate(shards)}

    def where(self, name: str) -> str:
        """Address of a file where it comes from."""
        return self.store.where(name)

    def get(self, name: str) -> bytes:
        """A whole small file; it is not kept."""
        return self.store.get(name)

    def pieces(self, name: str) -> Iterator[bytes]:
        """A whole large file as it is far away."""
        return self.store.pieces(name)

    def read(self, name: str, start: int, length: int) -> bytes:
        """A part of a shard, which is fetched first if it is not here, or not as long as it should be."""
        file, whole = self._here / name, self._shards[name].bytes
        if start + length > whole:
            raise SampleError(
                self.where(name),
                f"has {whole} bytes, a sample goes on to byte {start + length}: truncated",
                do="copy the pack again",
            )
        while True:
            try:
                os.utime(file)  # used just now
                if file.stat().st_size == whole:
                    return read_part(file, start, length)
                self._fetch(name)
            except FileNotFoundError:  # not here yet, or thrown out since
                self._fetch(name)
            except OSError as error:
                raise FileError(file, f"cannot be read ({error.strerror})", do="check the disk") from None

    def read_again(self, name: str, start: int, length: int) -> bytes:
        """A part whose sum was wrong: where the shard has rotten on the local disk, it is fetched anew.

        Raises:
            FileError: what is far away is damaged too.
        """
        self._fetch(name, doubted=True)
        return self.read(name, start, length)

    def _fetch(self, name: str, *, doubted: bool = False) -> None:
        file, facts = self._here / name, self._shards[name]
        self._here.mkdir(parents=True, exist_ok=True)
        with FileLock(self._here / f"{name}.lock"):
            if _is_whole(file, facts, doubted=doubted):
                return
            file.unlink(missing_ok=True)
            for left in self._here.glob(f".{name}.*.part"):  # by a process that was killed
                left.unlink()
            digest = hashlib.sha256()
            with atomic(file) as part, part.open("wb") as stream:
                for piece in self.store.pieces(name):
                    if stream.tell() + len(piece) > facts.bytes:
                        raise FileError(
                            self.where(name),
                            f"is damaged: it goes on after the {facts.bytes} bytes that it should have",
                            do="upload it again from where the pack was made",
                        )
                    digest.update(piece)
                    stream.write(piece)
                if stream.tell() != facts.bytes or digest.hexdigest() != facts.sha256:
                    raise FileError(
                        self.where(name),
                        f"is damaged: {stream.tell()} bytes, SHA-256 {digest.hexdigest()[:12]}, expected "
                        f"{facts.bytes} bytes, {facts.sha256[:12]}",
                        do="upload it again from where the pack was made",
                    )
        self._make_room(keep=file)

    def _make_room(self, *, keep: Path) -> None:
        with FileLock(self.folder / "room.lock"):
            found = [(stat.st_mtime_ns, stat.st_size, file) for file, stat in _shards_in(self.folder)]
            total = sum(size for _, size, _ in found)
            for _, size, file in sorted(found):
                if total <= self.limit:
                    break
                if file != keep:
                    file.unlink(missing_ok=True)
                    total -= size


def _is_whole(file: Path, facts: ShardFacts, *, doubted: bool) -> bool:
    """Whether a shard is here: by its size; a doubted one by its hash too."""
    try:
        return file.stat().st_size == facts.bytes and (not doubted or sha256(file) == facts.sha256)
    except OSError:  # not there, or on a part of the disk that cannot be read any more
        return False


def _shards_in(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for file in folder.glob("*/shard-*.tar"):
        with suppress(FileNotFoundError):
            yield file, file.stat()
