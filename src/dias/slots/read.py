"""Slot files as plain arrays, tables and masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Int32, Int64
from safetensors import SafetensorError, safe_open

from dias.checkpoints import find
from dias.data.samples import Skipped
from dias.errors import SlotsError
from dias.files import sha256
from dias.masks import rle
from dias.slots.header import SlotHeader, describe
from dias.slots.parquet import parquet
from dias.slots.shards import EDGES, ShardFacts, read_facts, table_file, tensor_file

if TYPE_CHECKING:
    from dias.slots.torch_data import SlotData


@dataclass(frozen=True, kw_only=True)
class SlotArrays:
    """Some pictures.

    Attributes:
        slots: zeros where `kept` is False.
        kept: which slots stand for something.
        attention: the map over tokens that each slot's mask was made of; None where it was not asked for.
        picture: place of each picture in its data set.
    """

    slots: Float32[np.ndarray, "i n d"]
    kept: Bool[np.ndarray, "i n"]
    attention: Float16[np.ndarray, "i n m"] | None
    picture: Int64[np.ndarray, " i"]


@dataclass(frozen=True, kw_only=True)
class PictureMasks:
    """What the table knows of a picture.

    Attributes:
        name: of the picture.
        labels: slot of each pixel, -1 where the model did not look.
        boxes: x0, y0, x1, y1 of each slot's mask, the last two exclusive, as shares of width and height;
            zeros for a slot without a pixel.
        coverage: x0, y0, x1, y1 in pixels of what the model saw.
    """

    name: str
    labels: Int32[np.ndarray, "h w"]
    boxes: Float[np.ndarray, "n 4"]
    coverage: tuple[int, int, int, int]


def load(folder: Path | str, *, checkpoint: Path | str | None = None) -> "SlotFiles":
    """Open what `dias slots` wrote.

    Args:
        folder: its output.
        checkpoint: file or run folder that the slots must be of; None takes those of any.

    Raises:
        SlotsError: there are none, they are unfinished or damaged, or of another checkpoint.
        CheckpointError: there is no checkpoint at the path.
    """
    folder = Path(folder)
    header = describe(folder)
    if checkpoint is not None:
        file = find(Path(checkpoint))
        _check_checkpoint(folder, header, asked=sha256(file), file=file)
    return SlotFiles(folder, header)


def _check_checkpoint(folder: Path, header: SlotHeader, *, asked: str, file: Path) -> None:
    found = header.extraction.checkpoint
    if found != asked:
        raise SlotsError(
            folder,
            f"holds slots of checkpoint {found[:12]} ({header.checkpoint_name}), asked for are those of "
            f"{asked[:12]} ({file})",
            do="extract them with that one: `dias slots`",
        )


class SlotFiles:
    """Slots of the pictures of a data set that could be read, in its order.

    Attributes:
        folder: where they lie.
        header: how they came about.
        names: of the pictures.
        pictures: place of each in the data set.
        skipped: pictures that could not be read.
    """

    def __init__(self, folder: Path, header: SlotHeader) -> None:
        self.folder, self.header = folder, header
        facts: list[ShardFacts] = [
            read_facts(folder, number, key=header.key) for number in range(header.shards)
        ]
        self.names: tuple[str, ...] = tuple(name for each in facts for name in each.names)
        self.pictures: tuple[int, ...] = tuple(place for each in facts for place in each.pictures)
        self.skipped: tuple[Skipped, ...] = tuple(one for each in facts for one in each.skipped)
        self._starts = np.cumsum([0, *(len(each.names) for each in facts)])
        self._rows: tuple[int, Any] = (-1, None)  # shard that was asked last, and its table

    def __len__(self) -> int:
        return len(self.names)

    def arrays(self, *, attention: bool = False) -> SlotArrays:
        """All pictures at once.

        Raises:
            SlotsError: a shard is damaged.
        """
        parts = list(self.stream(attention=attention))
        return SlotArrays(
            slots=np.concatenate([part.slots for part in parts]),
            kept=np.concatenate([part.kept for part in parts]),
            attention=np.concatenate([_known(part.attention) for part in parts]) if attention else None,
            picture=np.concatenate([part.picture for part in parts]),
        )

    def stream(self, *, attention: bool = False) -> Iterator[SlotArrays]:
        """Shard after shard, in constant memory.

        Raises:
            SlotsError: a shard is damaged.
        """
        for number in range(self.header.shards):
            yield self.shard(number, attention=attention)

    def shard(self, number: int, *, attention: bool = False) -> SlotArrays:
        """The pictures of one shard.

        Raises:
            SlotsError: it is damaged.
        """
        file = tensor_file(self.folder, number)
        try:
            with safe_open(file, framework="np") as opened:
                names = ["slots", "kept", "picture", *(["attention"] if attention else [])]
                found = {name: opened.get_tensor(name) for name in names}
        except (SafetensorError, OSError) as error:
            raise SlotsError(file, f"is damaged ({error})", do="extract the slots again") from None
        return SlotArrays(
            slots=found["slots"],
            kept=found["kept"],
            attention=found.get("attention"),
            picture=found["picture"],
        )

    def dataset(self, *, attention: bool = False) -> "SlotData":
        """A data set of PyTorch, which reads a picture when it is asked for."""
        from dias.slots.torch_data import SlotData

        return SlotData(self, attention=attention)

    def place(self, index: int) -> tuple[int, int]:
        """Shard of a picture, and its row there."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        return number, index - int(self._starts[number])

    def table(self, columns: Sequence[str] | None = None) -> Any:
        """A row a slot as a `pyarrow.Table`: row i n + s is slot s of picture i.

        Raises:
            SlotsError: a table is damaged, or of another extraction.
            DiasError: pyarrow is not installed.
        """
        tables = [
            self._table(number).select(columns) if columns else self._table(number)
            for number in range(self.header.shards)
        ]
        return parquet().pa.concat_tables(tables)

    def masks(self, index: int) -> PictureMasks:
        """Masks and boxes of a picture; of neighbours in turn the table is read once.

        Raises:
            SlotsError: the table is damaged.
            DiasError: pyarrow is not installed.
        """
        number, row = self.place(index)
        if self._rows[0] != number:
            self._rows = number, self._table(number)
        n = self.header.slots
        rows = self._rows[1].slice(row * n, n).to_pylist()
        first = rows[0]
        labels = np.full((first["height"], first["width"]), -1, dtype=np.int32)
        for one in rows:
            if one["counts"] is not None:
                labels[rle.decode({"size": list(labels.shape), "counts": one["counts"]})] = one["slot"]
        return PictureMasks(
            name=first["name"],
            labels=labels,
            boxes=np.array([[one[edge] for edge in EDGES] for one in rows]),
            coverage=tuple(first[f"seen_{edge}"] for edge in EDGES),
        )

    def _table(self, number: int) -> Any:
        file, arrow = table_file(self.folder, number), parquet()
        try:
            table = arrow.pq.read_table(file, partitioning=None)
        except (OSError, arrow.pa.ArrowException) as error:
            why = str(error).splitlines()[0]
            raise SlotsError(file, f"is damaged ({why})", do="extract the slots again") from None
        told = (table.schema.metadata or {}).get(b"key", b"").decode()
        rows = int(self._starts[number + 1] - self._starts[number]) * self.header.slots
        if told != self.header.key or table.num_rows != rows:
            raise SlotsError(
                file, "is of another extraction than slots.json", do="delete the folder and extract again"
            )
        return table


def _known(attention: Float16[np.ndarray, "i n m"] | None) -> Float16[np.ndarray, "i n m"]:
    assert attention is not None
    return attention
