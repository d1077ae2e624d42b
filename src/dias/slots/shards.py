"""One shard: slots, kept and attention of some pictures as safetensors, and a table of a row a slot."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float16, Float32
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dias.data.samples import Skipped
from dias.errors import SlotsError
from dias.files import atomic, write_atomic
from dias.inference.segment import Segmentation
from dias.masks import rle
from dias.slots.header import FORMAT, SlotHeader
from dias.slots.parquet import parquet

ABOUT = "about"  # entry of a shard's header
EDGES = ("x0", "y0", "x1", "y1")
AGAIN = "run the same `dias slots` again, which makes what is missing"


@dataclass(frozen=True, kw_only=True)
class ShardFacts:
    """What a shard says of itself.

    Attributes:
        names: of the pictures in it.
        pictures: place of each in the data set.
        skipped: name and reason of those that could not be read.
    """

    names: tuple[str, ...]
    pictures: tuple[int, ...]
    skipped: tuple[Skipped, ...]


def tensor_file(folder: Path, number: int) -> Path:
    """Where a shard's arrays are."""
    return folder / "tensors" / f"{number:05d}.safetensors"


def table_file(folder: Path, number: int) -> Path:
    """Where its table is."""
    return folder / "table" / f"{number:05d}.parquet"


class Shard:
    """Pictures of a shard as they come in; of their masks only the run lengths are kept."""

    def __init__(self, header: SlotHeader) -> None:
        self.header = header
        self.skipped: list[Skipped] = []
        self._names: list[str] = []
        self._places: list[int] = []
        self._rows: list[dict[str, Any]] = []
        self._arrays: list[_Arrays] = []

    def add(self, place: int, picture: Segmentation) -> None:
        """Add what was found in picture `place` of the data set."""
        self._names.append(picture.name)
        self._places.append(place)
        self._rows += _rows(self.header, place, picture)
        self._arrays.append(_arrays(self.header, picture))

    def write(self, folder: Path, number: int) -> None:
        """Write the table, then the arrays: where those are, all is.

        Raises:
            FileError: a file cannot be written, as on a full disk.
        """
        _write_table(table_file(folder, number), self.header, self._rows)
        empty = _arrays(self.header, None)
        slots, kept, attention = (
            np.stack([each[part] for each in self._arrays]) if self._arrays else empty[part][None][:0]
            for part in range(3)
        )
        arrays = {
            "attention": attention,
            "kept": kept,
            "picture": np.array(self._places, dtype=np.int64),
            "slots": slots,
        }
        about = {
            "format": FORMAT,
            "key": self.header.key,
            "names": self._names,
            "pictures": self._places,
            "skipped": [[one.name, one.reason] for one in self.skipped],
        }
        metadata = {ABOUT: json.dumps(about)}  # one entry: safetensors writes several in any order
        content = save(arrays, metadata=metadata)
        write_atomic(tensor_file(folder, number), lambda stream: stream.write(content))


def read_facts(folder: Path, number: int, *, key: str) -> ShardFacts:
    """Names in a shard, after a look at whether it is one of this extraction.

    Raises:
        SlotsError: it is missing, damaged, or of another extraction.
    """
    file = tensor_file(folder, number)
    try:
        with safe_open(file, framework="np") as opened:
            metadata = json.loads((opened.metadata() or {})[ABOUT])
        if metadata.get("format") != FORMAT or metadata.get("key") != key:
            raise SlotsError(
                file, "is of another extraction than slots.json", do="delete the folder and extract again"
            )
        skipped = tuple(Skipped(name=name, reason=why) for name, why in metadata["skipped"])
        facts = ShardFacts(
            names=tuple(metadata["names"]), pictures=tuple(metadata["pictures"]), skipped=skipped
        )
    except FileNotFoundError:
        raise SlotsError(file, "is missing", do=AGAIN) from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise SlotsError(file, f"is damaged ({error})", do=f"delete it and {AGAIN}") from None
    if not table_file(folder, number).exists():
        raise SlotsError(table_file(folder, number), "is missing", do=AGAIN)
    return facts


def is_done(folder: Path, number: int, *, key: str) -> bool:
    """Whether a shard is there.

    Raises:
        SlotsError: it is, but damaged or of another extraction.
    """
    if not (tensor_file(folder, number).exists() and table_file(folder, number).exists()):
        return False
    read_facts(folder, number, key=key)
    return True


_Arrays = tuple[Float32[np.ndarray, "n d"], Bool[np.ndarray, " n"], Float16[np.ndarray, "n m"]]


def _arrays(header: SlotHeader, picture: Segmentation | None) -> _Arrays:
    """Slots, kept, attention of all n slots; zeros for those that were not kept."""
    slots = np.zeros((header.slots, header.slot_dim), dtype=np.float32)
    kept = np.zeros(header.slots, dtype=np.bool_)
    attention = np.zeros((header.slots, header.grid[0] * header.grid[1]), dtype=np.float16)
    if picture is not None:
        slots[picture.slot_indices] = picture.slots
        kept[picture.slot_indices] = True
        attention[picture.slot_indices] = picture.attention
    return slots, kept, attention


def _write_table(file: Path, header: SlotHeader, rows: Sequence[dict[str, Any]]) -> None:
    pa = parquet().pa
    schema = pa.schema(
        [
            ("picture", pa.int64()),
            ("name", pa.string()),
            ("slot", pa.int32()),
            ("kept", pa.bool_()),
            ("area", pa.int64()),
            *((edge, pa.float64()) for edge in EDGES),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("counts", pa.string()),
            *((f"seen_{edge}", pa.int32()) for edge in EDGES),
        ],
        metadata={"format": FORMAT, "key": header.key},
    )
    with atomic(file) as part:
        parquet().pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), part, compression="zstd")


def _rows(header: SlotHeader, place: int, picture: Segmentation) -> list[dict[str, Any]]:
    """A row a slot, kept or not, so that row i n + s of a shard is slot s of its picture i."""
    height, width = picture.labels.shape
    numbers = {slot: number for number, slot in enumerate(picture.slot_indices.tolist())}
    rows = []
    for slot in range(header.slots):
        number = numbers.get(slot)
        kept = number is not None
        box = picture.boxes[number].tolist() if kept else [0.0] * 4
        rows.append(
            {
                "picture": place,
                "name": picture.name,
                "slot": slot,
                "kept": kept,
                "area": int(picture.areas[number]) if kept else 0,
                **dict(zip(EDGES, box, strict=True)),
                "height": height,
                "width": width,
                "counts": rle.encode(picture.labels == number)["counts"] if kept else None,
                **{f"seen_{edge}": side for edge, side in zip(EDGES, picture.coverage, strict=True)},
            }
        )
    return rows
