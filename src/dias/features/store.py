"""Features on disk: half precision, memory-mapped, checked when opened."""

import hashlib
import json
import math
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from jaxtyping import Float16

from dias.backbones import Backbone
from dias.data.samples import ImageSource
from dias.errors import CacheError
from dias.features.key import BESIDE, CacheKey
from dias.files import write_json

FORMAT = "dias-features-1"
TODO, DONE, UNREADABLE = 0, 1, 2
_CHECKED_ROWS = 16


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What cache.json says.

    Attributes:
        key: what it was made with.
        grid: token rows and columns of a view.
        channels: numbers in a row, keys included.
        names: of the pictures.
        below: rows under those of the tokens: what the last blocks are given.
    """

    key: CacheKey
    grid: tuple[int, int]
    channels: int
    names: tuple[str, ...]
    below: int = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Pictures, views, rows (of tokens, and below), channels."""
        return self.key.count, max(self.key.views, 1), self.tokens + self.below, self.channels

    @property
    def tokens(self) -> int:
        """Of a view."""
        return self.grid[0] * self.grid[1]

    @property
    def bytes(self) -> int:
        """Size of the features on disk."""
        return math.prod(self.shape) * 2

    @property
    def sizes(self) -> dict[str, int]:
        """Size of each file beside cache.json."""
        return {"features.bin": self.bytes, "state.bin": self.key.count, "sums.bin": 4 * self.key.count}

    def save(self, folder: Path, provenance: dict[str, object]) -> None:
        """Write cache.json in one step."""
        write_json(folder / "cache.json", {"format": FORMAT, **asdict(self), "provenance": provenance})


class FeatureCache:
    """Finished features of every view of every picture.

    Files: `cache.json` (key, shape, names, provenance, pictures left out), `features.bin` (fp16: pictures,
    views, tokens, channels; behind the features keys, or below the tokens what the last blocks are given,
    where those are kept), `state.bin` (a byte a picture), `sums.bin` (CRC-32 a picture).
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder, self.layout, self.key = folder, layout, layout.key
        self.features = np.memmap(folder / "features.bin", dtype=np.float16, mode="r", shape=layout.shape)
        self.state = np.fromfile(folder / "state.bin", dtype=np.uint8)
        self.sums = np.fromfile(folder / "sums.bin", dtype=np.uint32)

    @classmethod
    def open(cls, folder: Path, *, verify: Literal["quick", "full"] = "quick") -> "FeatureCache":
        """Open a finished cache.

        Args:
            folder: what `dias cache` wrote.
            verify: `quick` checks sizes, completeness and the sums of a few pictures; `full` those of all.

        Raises:
            CacheError: it is missing, unfinished or damaged; says which picture.
        """
        layout = read_layout(folder)
        _check_sizes(folder, layout)
        cache = cls(folder, layout)
        unfinished = int((cache.state == TODO).sum())
        if unfinished:
            raise CacheError(
                folder, f"{unfinished} of {len(cache)} pictures are not done", do="run `dias cache` again"
            )
        count = len(cache) if verify == "full" else min(_CHECKED_ROWS, len(cache))
        for index in np.linspace(0, len(cache) - 1, count).astype(int).tolist():
            if cache.state[index] == DONE and checksum(cache.features[index]) != cache.sums[index]:
                raise CacheError(
                    folder / "features.bin",
                    f"picture {index} ({layout.names[index]}) is damaged",
                    do="delete the folder and make it anew",
                )
        return cache

    def __len__(self) -> int:
        return self.key.count

    @property
    def grid(self) -> tuple[int, int]:
        """Token rows and columns of a view."""
        return self.layout.grid

    @property
    def channels(self) -> int:
        """Of a token."""
        return self.layout.channels

    @property
    def names(self) -> tuple[str, ...]:
        """Of the pictures, in the order of the data set."""
        return self.layout.names

    def read(self, index: int, view: int, *, whole: bool = False) -> Float16[np.ndarray, "r k"]:
        """Features of a picture's view.

        Args:
            index: of the picture.
            view: of it.
            whole: with all that is kept beside them, to be taken apart by `dias.features.kept.parted`.

        Raises:
            CacheError: the picture could not be read when the cache was made.
        """
        if self.state[index] == UNREADABLE:
            raise CacheError(self.folder, f"{self.layout.names[index]} was unreadable and has no features")
        kept: Float16[np.ndarray, "r k"] = self.features[index, view]
        channels = self.layout.channels // (2 if self.key.keys else 1)
        return kept if whole else kept[: self.layout.tokens, :channels]

    def readable(self, index: int) -> bool:
        """Whether a picture has features."""
        return bool(self.state[index] == DONE)

    def fingerprint(self) -> str:
        """SHA-256 of the key and of which pictures have features: what a run on this cache depends on."""
        known = {name: value for name, value in asdict(self.key).items() if name not in BESIDE or value}
        key = json.dumps(known, sort_keys=True).encode()
        return hashlib.sha256(key + b"\n" + (self.state == DONE).tobytes()).hexdigest()

    def require(self, *, backbone: Backbone, source: ImageSource, size: int) -> None:
        """Make sure that the cache is what a run would compute from these pictures.

        Raises:
            CacheError: names what differs.
        """
        wanted = CacheKey.of(
            backbone,
            size=size,
            views=self.key.views,
            seed=self.key.seed,
            data=source.fingerprint(),
            count=len(source),
        )
        lacking = self.key.lacks(wanted)
        if lacking:
            again = "make it anew with `dias cache`" + (" --keys" if wanted.keys else "")
            raise CacheError(self.folder, f"was made with {', '.join(lacking)}", do=again)


def read_layout(folder: Path) -> Layout:
    """Read cache.json.

    Raises:
        CacheError: it is missing, or not of this format.
    """
    file = folder / "cache.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise CacheError(file, f"has format {values['format']!r}, expected {FORMAT!r}", do="make it anew")
        found = msgspec.convert(values, _File)
    except FileNotFoundError:
        raise CacheError(
            folder, "holds no cache.json", do="make the cache with `dias cache DATA OUT`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise CacheError(
            file, f"is damaged ({type(error).__name__}: {error})", do="make the cache anew"
        ) from None
    key = found.key
    if len(found.names) != key.count or min(key.count, key.size) < 1 or key.views < 0:
        raise CacheError(
            file,
            f"is damaged: {len(found.names)} names, {key.count} pictures, {key.views} views of {key.size}",
            do="make the cache anew",
        )
    return Layout(key=key, grid=found.grid, channels=found.channels, names=found.names, below=found.below)


def checksum(rows: Float16[np.ndarray, "v m c"]) -> int:
    """CRC-32 of a picture's features."""
    return zlib.crc32(np.ascontiguousarray(rows).data)


_Number = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]


class _File(msgspec.Struct):
    """The part of cache.json that makes a layout, to check its types."""

    key: CacheKey
    grid: tuple[_Number, _Number]
    channels: _Number
    names: tuple[str, ...]
    below: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0


def _check_sizes(folder: Path, layout: Layout) -> None:
    for name, size in layout.sizes.items():
        file = folder / name
        found = file.stat().st_size if file.exists() else 0
        if found != size:
            raise CacheError(file, f"has {found} bytes, expected {size}: truncated", do="make the cache anew")
