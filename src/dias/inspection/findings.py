"""What an inspection finds, as typed values that become JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Num, UInt8


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A sample that cannot be used as it is.

    Attributes:
        name: of the image or clip.
        file: what is at fault.
        line: where, what, and what to do.
    """

    name: str
    file: str
    line: str


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Least, middle and greatest of some numbers."""

    least: float
    median: float
    most: float

    @staticmethod
    def of(values: Num[np.ndarray, " n"]) -> "Spread | None":
        """None of no numbers."""
        if not values.size:
            return None
        return Spread(least=float(values.min()), median=float(np.median(values)), most=float(values.max()))


@dataclass(frozen=True, kw_only=True)
class Bar:
    """How many there are of a sort."""

    label: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Clips:
    """What only clips have.

    Attributes:
        lengths: frames of a clip, those included that cannot be read.
        objects: clips with so many objects.
        seen: share (0 to 1) of its clip's whole frames in which an object is seen.
    """

    lengths: Spread
    objects: tuple[Bar, ...]
    seen: Spread | None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What the frames that could be read hold. An image is one frame.

    Attributes:
        frames: images, or frames of all clips.
        widths: pixels.
        heights: pixels.
        per_frame: objects seen in a frame; None where nothing is known of objects.
        objects: frames with so many objects.
        area: of an object, as a share (0 to 1) of its frame.
        areas: objects of such an area.
        ignored: share (0 to 1) of pixels that nobody has labelled; None where no sample says.
        without_masks: frames.
        without_objects: frames with masks, but nothing else than background in them.
        classes: objects of each class, by its number, the most frequent first.
        clips: None for images.
    """

    frames: int
    widths: Spread
    heights: Spread
    per_frame: Spread | None
    objects: tuple[Bar, ...]
    area: Spread | None
    areas: tuple[Bar, ...]
    ignored: float | None
    without_masks: int
    without_objects: int
    classes: tuple[Bar, ...]
    clips: Clips | None


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture of a sample: as it is, and with its masks over it where it has any."""

    caption: str
    picture: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """What was found in a split, or in a whole set that has none.

    Attributes:
        title: the split.
        settings: that open it.
        unit: what a sample is.
        listed: samples there are.
        published: samples there should be, in the editions that it may be of; empty: not known.
        read: samples that were read, faulty ones included.
        faults: in the order of the samples.
        statistics: None if no sample could be read.
        drawn: some samples.
        stopped: the user stopped before all was read.
        seconds: that reading took.
    """

    title: str
    settings: dict[str, Any]
    unit: Literal["images", "clips"]
    listed: int
    published: tuple[int, ...]
    read: int
    faults: tuple[Fault, ...]
    statistics: Statistics | None
    drawn: tuple[Drawn, ...] = field(repr=False)
    stopped: bool
    seconds: float

    @property
    def differs(self) -> bool:
        """The number of samples is not the published one."""
        return bool(self.published) and self.listed not in self.published


@dataclass(frozen=True, kw_only=True)
class Unlisted:
    """A split whose samples cannot be listed: its name, and why."""

    title: str
    line: str


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found at a path.

    Attributes:
        path: as the user named it.
        kind: of data set.
        title: of the data set.
        mark: what it was recognised by.
        parts: split by split.
        unlisted: splits that could not be opened.
    """

    path: str
    kind: str
    title: str
    mark: str
    parts: tuple[Part, ...]
    unlisted: tuple[Unlisted, ...] = ()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Of all parts; one that several parts share is told once."""
        return tuple(dict.fromkeys(fault for part in self.parts for fault in part.faults))

    @property
    def stopped(self) -> bool:
        """The user stopped it."""
        return any(part.stopped for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, without pictures."""
        parts = []
        for part in self.parts:
            shown = {name: value for name, value in vars(part).items() if name not in ("drawn", "faults")}
            shown["statistics"] = None if part.statistics is None else asdict(part.statistics)
            parts.append(shown | {"faults": [asdict(fault) for fault in part.faults]})
        found = {"path": self.path, "kind": self.kind, "title": self.title}
        return found | {"parts": parts, "unlisted": [asdict(one) for one in self.unlisted]}
