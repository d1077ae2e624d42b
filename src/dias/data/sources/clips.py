"""Rendered clips, as `dias synth videos` writes them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from jaxtyping import Float32, UInt8
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.formats.flow_png import read_flow
from dias.data.formats.json_file import parse_json
from dias.data.images import read_image, read_mask
from dias.data.samples import ClipSample
from dias.data.sources.contract import Use
from dias.data.sources.frame_files import FrameFiles
from dias.data.sources.rendered import MEND, THINGS, check_segments, read_classes, read_lines, read_settings
from dias.errors import DiasError, FileError, SampleError

_FORMAT = "dias-clips-1"
_MARK = "clips.json"
_MILLIMETRES = 1000


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClipsConfig:
    """A folder of rendered clips.

    Attributes:
        path: the folder.
        flow: read the optical flow too.
        depth: read the depth too (metres).
    """

    kind: Literal["clips"] = "clips"
    path: str
    flow: bool = False
    depth: bool = False

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "ClipsConfig | None":
        """Where there is a `clips.json`, or will be."""
        unfinished = path / "parts" / "clip-settings.json"
        return cls(path=str(path)) if (path / _MARK).exists() or unfinished.exists() else None

    def splits(self) -> tuple[str, ...]:
        """None."""
        return ()

    def build(self) -> "Clips":
        """Open the set.

        Raises:
            DiasError: it is missing, damaged or unfinished, or was rendered without what is to be read.
        """
        return Clips(Path(self.path).expanduser(), flow=self.flow, depth=self.depth)


class Contact(msgspec.Struct, frozen=True):
    """Two things that touched after the frame before and not later than `frame`.

    Attributes:
        frame: from 0; what touches at the start is of frame 0.
        objects: segment numbers, the lesser first; 0 is the floor.
        force: greatest normal force in that time, newtons.
        position: where, at that moment; metres.
    """

    frame: Annotated[int, msgspec.Meta(ge=0)]
    objects: tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(ge=0)]]
    force: float
    position: tuple[float, float, float]


class Clips(FrameFiles):
    """Clips with masks, boxes and classes of every object; flow in pixels and depth in metres if wanted.

    The flow is that of the surface point which a pixel shows, whether or not it is hidden in the next frame;
    NaN where it cannot be told. The last frame's leads to the frame that would follow.
    """

    def __init__(self, folder: Path, *, flow: bool = False, depth: bool = False) -> None:
        self._root, self.folder = folder, folder / "frames"
        settings = self._settings = read_settings(
            folder / _MARK, _Settings, format=_FORMAT, verb="videos", what="clips"
        )
        for wanted, has, what in ((flow, settings.flow, "flow"), (depth, settings.depth, "depth")):
            if wanted and not has:
                raise DiasError(f"{folder}: was rendered without {what}; {MEND}, or leave {what} out")
        self._flow, self._depth = flow, depth
        folders = sum(1 for one in self.folder.glob("[0-9]*") if one.is_dir())
        if folders != settings.count:
            raise DiasError(f"{folder}: has {folders} clips, {_MARK} says {settings.count}; {MEND}")
        self._lines = read_lines(folder, settings.count)  # each is read when its clip is
        names = [f"{frame:05d}.{settings.format}" for frame in range(settings.frames)]
        self.clips = [(f"{index:06d}", names) for index in range(settings.count)]

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a clip, or all, with what is known of them.

        Raises:
            SampleError: a file is missing or damaged, or does not fit the others.
        """
        places = range(self.length(index)) if frames is None else frames
        clip, things = self.pictures(index, places), self._clip(index).objects
        size = clip.frames.shape[1], clip.frames.shape[2]
        files = [f"{self.name(index)}/{place:05d}.png" for place in places]
        masks = [read_mask(self._root / "masks" / file, size=size) for file in files]
        for file, mask in zip(files, masks, strict=True):
            check_segments(mask, self._root / "masks" / file, things=len(things))
        boxes = np.array([thing.boxes for thing in things], dtype=np.float32)
        boxes = boxes.reshape(len(things), self.length(index), 4)[:, list(places)].swapaxes(0, 1)
        flows = [read_flow(self._root / "flow" / file, size=size) for file in files] if self._flow else None
        depths = [_depth(self._root / "depth" / file, size) for file in files] if self._depth else None
        return replace(
            clip,
            mask=np.stack(masks),
            boxes=boxes / np.float32(self._settings.size),
            classes=np.array([thing.number for thing in things], dtype=np.int64),
            tracks=np.arange(1, len(things) + 1),
            flow=None if flows is None else np.stack(flows),
            depth=None if depths is None else np.stack(depths),
        )

    def class_names(self) -> dict[int, str]:
        """Shapes of objects."""
        return read_classes(self._root / _MARK)

    def pictures(self, index: int, frames: Sequence[int]) -> ClipSample:
        """Read some frames of a clip alone.

        Raises:
            SampleError: a frame cannot be read, or is not of the size that `clips.json` says.
        """
        images = [self._frame(index, place) for place in frames]
        return ClipSample(frames=np.stack(images), name=self.name(index), numbers=tuple(frames))

    def contacts(self, index: int) -> tuple[Contact, ...]:
        """What touched what in a clip, by frame.

        Raises:
            FileError: the clip's line in objects.jsonl is damaged.
        """
        return self._clip(index).contacts

    def _frame(self, index: int, place: int) -> UInt8[np.ndarray, "h w 3"]:
        file, side = self.frame_file(index, place), self._settings.size
        image = read_image(file, upright=False)
        if image.shape[:2] != (side, side):
            raise SampleError(
                file, f"is {image.shape[:2]}, {_MARK} says {(side, side)} (height, width)", do=MEND
            )
        return image

    def _clip(self, index: int) -> "_Clip":
        where = f"{self._root / THINGS}, line {index + 1}"
        try:
            clip = parse_json(self._lines[index], _Clip, named=where, do=MEND)
        except FileError as error:
            raise SampleError(where, error.problem, do=MEND) from None
        for thing in clip.objects:
            if len(thing.boxes) != self._settings.frames:
                raise SampleError(
                    where, f"has {len(thing.boxes)} boxes for {self._settings.frames} frames", do=MEND
                )
        return clip


_Pixels = Annotated[int, msgspec.Meta(ge=0, le=20_000)]


class _Settings(msgspec.Struct):
    format: Literal["png", "webp", "jpg"]
    count: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    size: Annotated[int, msgspec.Meta(ge=2, le=20_000)]
    frames: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    depth: bool
    flow: bool


class _Thing(msgspec.Struct):
    boxes: list[tuple[_Pixels, _Pixels, _Pixels, _Pixels]]
    number: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = msgspec.field(name="class")


class _Clip(msgspec.Struct):
    objects: list[_Thing]
    contacts: tuple[Contact, ...]


def _depth(file: Path, size: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    return (read_mask(file, size=size) / _MILLIMETRES).astype(np.float32)
