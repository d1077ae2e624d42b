"""What a pack says of itself: `pack.json` (written last, so a pack that has it is whole) and `index.json`."""

import hashlib
from typing import Annotated, Any

import msgspec

from dias.data.formats.json_file import parse_json
from dias.data.packing.stores import Store
from dias.errors import FileError

FORMAT = "dias-pack-1"
MANIFEST, INDEX = "pack.json", "index.json"
UNFINISHED = "unfinished"  # folder of what is known of the shards until the manifest is written

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class PackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the bytes of a pack.

    Attributes:
        per_shard: pictures a shard.
        size: longest short side of a picture, in pixels; larger ones are stored smaller, at a loss. None: all
            are stored as they are.
        quality: of the JPEGs that `size` makes.
    """

    per_shard: int = 256
    size: int | None = None
    quality: int = 90


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A sample that could not be read when the pack was made."""

    name: str
    reason: str


class ShardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Of one shard: samples in it, its size and its hash."""

    samples: Count
    bytes: Count
    sha256: str


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """Of every sample, in the order of the data set: its name, where it lies in its shard, and its CRC-32.

    `scenes` has the number by which its random views are drawn (`dias.data.frames.scene_of`).
    """

    names: list[str]
    offsets: list[Count]
    lengths: list[Count]
    sums: list[Count]
    scenes: list[Count]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`pack.json`.

    Attributes:
        format: version of the format.
        fingerprint: of the data set that was packed.
        source: its settings.
        count: its samples, those left out too.
        settings: what else decided the bytes.
        shards: of each, in order.
        left_out: samples that could not be read.
        index: SHA-256 of `index.json`.
        provenance: where the pack comes from; all else is the same whenever and however it was made.
    """

    format: str
    fingerprint: str
    source: dict[str, Any]
    count: Count
    settings: PackSettings
    shards: list[ShardFacts]
    left_out: list[LeftOut]
    index: str
    provenance: dict[str, Any]

    @property
    def bytes(self) -> int:
        """Size of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def of_samples(self) -> str:
        """Fingerprint of what is in the pack: that of the data set, if nothing was lost on the way."""
        if self.settings.size is None and not self.left_out:
            return self.fingerprint
        lost = f"{self.settings.size} {self.settings.quality} " + "\n".join(one.name for one in self.left_out)
        return hashlib.sha256(f"{self.fingerprint} {lost}".encode(errors="surrogateescape")).hexdigest()


def shard_name(number: int) -> str:
    """File of a shard; names come from here alone, never from a pack."""
    return f"shard-{number:06d}.tar"


def read_pack(store: Store) -> tuple[Manifest, Index]:
    """Read manifest and index, and check that they belong together.

    Raises:
        FileError: a file is missing, damaged or of another format.
    """
    where = store.where(MANIFEST)
    manifest = parse_manifest(store.get(MANIFEST), where)
    content = store.get(INDEX)
    if hashlib.sha256(content).hexdigest() != manifest.index:
        raise FileError(store.where(INDEX), f"is not the one that {where} tells of", do="copy the pack again")
    index = parse_json(content, Index, named=store.where(INDEX))
    samples = sum(shard.samples for shard in manifest.shards)
    rows = index.offsets, index.lengths, index.sums, index.scenes
    lengths = {samples, len(index.names), *(len(row) for row in rows)}
    if len(lengths) != 1:
        raise FileError(store.where(INDEX), "does not fit the manifest", do="pack the data set anew")
    return manifest, index


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Read `pack.json`.

    Raises:
        FileError: it is damaged or of another format.
    """
    found = parse_json(content, Manifest, named=where)
    if found.format != FORMAT:
        raise FileError(where, f"has format {found.format!r}, expected {FORMAT!r}", do="pack it anew")
    return found
