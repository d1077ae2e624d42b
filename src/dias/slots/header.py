"""What a folder of slots says of itself: `slots.json`."""

import hashlib
import json
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from dias.checkpoints import find
from dias.config import STRICT, from_dict, to_dict
from dias.data.frames import ClipFrames
from dias.data.samples import ImageSource
from dias.errors import DiasError, SlotsError
from dias.files import sha256, write_json
from dias.inference.segment import Segmenter
from dias.inference.tracks import Tracker
from dias.provenance import record

FORMAT = "dias-slots-1"
HEADER = "slots.json"
_WORDS = {"weights": "backbone weights", "fingerprint": "pictures", "seed": "seed of the queries"}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Extraction:
    """How slots come out of pictures: a head that was trained on some must be given the same.

    Attributes:
        checkpoint: SHA-256 of the checkpoint file.
        weights: SHA-256 of the backbone's weights.
        map: whose attention the masks, and the stored maps, are.
        fit: whether the whole picture was squeezed into the square that the model sees, or its largest
            centre square was taken.
        size: side of that square in pixels.
        seed: of the queries; all pictures start from the same.
        threshold: cosine distance below which slots were merged, or the kind of an automatic one; None: the
            checkpoint's own.
        followed: slots go on from frame to frame, so that a number is one thing in all frames of a clip;
            False: each picture stands alone.
    """

    checkpoint: str
    weights: str
    map: Literal["aggregation", "decoder"]
    fit: Literal["whole", "centre"]
    size: PositiveInt
    seed: NonNegativeInt
    threshold: float | dict[str, Any] | None
    followed: bool = False


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlotHeader:
    """Everything that decides the numbers in a folder of slots.

    Attributes:
        extraction: how the slots came out of the pictures.
        checkpoint_name: file that the checkpoint was.
        weights_name: of the backbone's weights, and where they were found.
        data: settings of the data set.
        fingerprint: of its pictures.
        pictures: of the data set, with those that cannot be read.
        slots: a picture has, kept or not.
        slot_dim: numbers a slot has.
        grid: rows and columns of tokens.
        per_shard: pictures of the data set a shard covers; where clips were followed, the least: a shard ends
            with a clip.
        clips: frames of each clip of the data set, where they were followed; None elsewhere.
    """

    extraction: Extraction
    checkpoint_name: str
    weights_name: str
    data: dict[str, Any]
    fingerprint: str
    pictures: NonNegativeInt
    slots: PositiveInt
    slot_dim: PositiveInt
    grid: tuple[PositiveInt, PositiveInt]
    per_shard: PositiveInt
    clips: tuple[NonNegativeInt, ...] | None = None

    @property
    def shards(self) -> int:
        """Number of shards of the finished folder."""
        return len(self._ends)

    def places(self, number: int) -> range:
        """Pictures of the data set that shard `number` covers."""
        return range(self._ends[number - 1] if number else 0, self._ends[number])

    @cached_property
    def _ends(self) -> list[int]:
        """Where each shard ends."""
        if self.clips is None:
            shards = -(-self.pictures // self.per_shard)
            return [min((number + 1) * self.per_shard, self.pictures) for number in range(shards)]
        ends, start = list[int](), 0
        for end in accumulate(self.clips):
            if end - start >= self.per_shard or (end == self.pictures and end > start):
                ends.append(end)
                start = end
        return ends

    @property
    def key(self) -> str:
        """Stands in every shard, so that none of another extraction is taken for one of this."""
        own = to_dict(self)
        for name in ("checkpoint_name", "weights_name", "data"):  # where things lie, not what they are
            del own[name]
        if self.clips is None:  # folders from before clips could be followed keep their key
            del own["clips"], own["extraction"]["followed"]
        return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def header_of(
    finder: Segmenter | Tracker,
    source: ImageSource,
    *,
    checkpoint: Path,
    data: dict[str, Any],
    threshold: float | dict[str, Any] | None,
    per_shard: int,
) -> SlotHeader:
    """Describe an extraction before it starts.

    Args:
        finder: that will find the slots: picture by picture, or through clips.
        source: the pictures; of a tracker the frames of clips.
        checkpoint: file or run folder that the model was loaded from.
        data: settings of the data set.
        threshold: as in `Extraction`; the finder has it already.
        per_shard: pictures a shard.
    """
    file, backbone = find(checkpoint), finder.backbone
    follows = isinstance(finder, Tracker)
    clips = source.clips if isinstance(source, ClipFrames) and follows else None
    return SlotHeader(
        extraction=Extraction(
            checkpoint=sha256(file),
            weights=backbone.weights.sha256,
            map=finder.map,
            fit=finder.fit,
            size=finder.size,
            seed=finder.seed,
            threshold=threshold,
            followed=follows,
        ),
        checkpoint_name=str(file),
        weights_name=f"{backbone.weights.name} from {backbone.weights.source}",
        data=data,
        fingerprint=source.fingerprint(),
        pictures=len(source),
        slots=finder.slots,
        slot_dim=finder.slot_dim,
        grid=backbone.grid(finder.size, finder.size),
        per_shard=per_shard,
        clips=None if clips is None else tuple(clips.length(index) for index in range(len(clips))),
    )


def describe(folder: Path) -> SlotHeader:
    """What a folder of finished slots says of itself.

    Raises:
        SlotsError: there are none, or they are damaged or unfinished.
    """
    header, finished = read_header(folder)
    if not finished:
        raise SlotsError(folder, "is not finished", do="run the same `dias slots` again, which goes on")
    return header


def read_header(folder: Path) -> tuple[SlotHeader, bool]:
    """The same of a folder that may be unfinished, and whether it is finished.

    Raises:
        SlotsError: there is no header, or it is damaged.
    """
    file = Path(folder) / HEADER
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SlotsError(folder, f"holds no {HEADER}", do="give a folder that `dias slots` wrote") from None
    except (OSError, ValueError) as error:
        raise SlotsError(file, f"cannot be read ({error})", do="extract the slots again") from None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        found = stored.get("format") if isinstance(stored, dict) else None
        raise SlotsError(file, f"has format {found!r}, expected {FORMAT!r}", do="extract the slots again")
    try:
        header = from_dict(SlotHeader, stored["header"], where=str(file))
        return header, stored["finished"] is True
    except KeyError as error:
        raise SlotsError(file, f"has no {error}", do="extract the slots again") from None
    except DiasError as error:
        raise SlotsError(file, f"is damaged ({error})", do="extract the slots again") from None


def write_header(folder: Path, header: SlotHeader, *, finished: bool, skipped: int = 0) -> None:
    """Write `slots.json` in one step."""
    told = {
        "format": FORMAT,
        "finished": finished,
        "header": to_dict(header),
        "skipped": skipped,
        "provenance": record().to_dict(),
    }
    write_json(folder / HEADER, told)


def differences(one: SlotHeader, other: SlotHeader) -> list[str]:
    """In words, what makes two extractions different; nothing if their numbers are the same."""
    first, second = (to_dict(each) for each in (one, other))
    first, second = first | first.pop("extraction"), second | second.pop("extraction")
    where = ("checkpoint_name", "weights_name", "data")
    return [_WORDS.get(name, name) for name in first if name not in where and first[name] != second[name]]
