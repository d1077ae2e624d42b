"""Reads one image or clip and keeps the little that statistics and pictures need of it."""

from dataclasses import dataclass
from threading import Event

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from PIL import Image

from dias.data.samples import ClipSource, ImageSample, ImageSource
from dias.errors import DiasError, FileError, SampleError
from dias.inspection.findings import Drawn, Fault
from dias.viz import ground_truth_colours, overlay

_AT_ONCE = 24  # frames decoded at a time: a long video does not fit into memory
_SIDE = 320  # pixels of a drawn picture's longer side
_FRAMES = 4  # of a clip that are drawn
_FAULTS = 20  # of a clip that are kept


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame.

    Attributes:
        size: height and width.
        numbers: of the objects that are seen; None: nothing is known of objects.
        areas: share of the frame that each of them takes; empty without a mask.
        masked: there is a mask.
        ignored: share of pixels that nobody has labelled; None: not said.
    """

    size: tuple[int, int]
    numbers: Int64[np.ndarray, " k"] | None
    areas: Float32[np.ndarray, " _"]
    masked: bool
    ignored: float | None


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is kept of a sample.

    Attributes:
        length: frames that it should have; 1 of an image.
        frames: those that are whole; they count in the statistics, whatever the others are.
        classes: of its objects.
        faults: what is wrong with it. Of a clip, the first 20, and one more that counts the others.
        drawn: if it was asked for, and a frame to be drawn is whole.
    """

    length: int
    frames: tuple[Frame, ...]
    classes: Int64[np.ndarray, " k"] | None
    faults: tuple[Fault, ...]
    drawn: Drawn | None

    @staticmethod
    def at_nothing(fault: Fault) -> "Look":
        """Of a sample that cannot be read at all."""
        return Look(length=1, frames=(), classes=None, faults=(fault,), drawn=None)


def look_at(source: ImageSource | ClipSource, index: int, *, draw: bool, stop: Event) -> Look:
    """Read a sample; what is wrong with it becomes part of the answer.

    Args:
        source: where it is.
        index: its place there.
        draw: make a picture of it.
        stop: once set, a long clip is left in the middle.
    """
    name = source.name(index)
    if isinstance(source, ClipSource):
        return _look_at_clip(source, index, name=name, draw=draw, stop=stop)
    try:
        sample = source[index]
        frame = _frame(sample)
    except DiasError as error:
        return Look.at_nothing(_fault(name, error))
    drawn = _drawn(name, [sample], [frame]) if draw else None
    return Look(length=1, frames=(frame,), classes=_numbers(sample.classes), faults=(), drawn=drawn)


def _look_at_clip(source: ClipSource, index: int, *, name: str, draw: bool, stop: Event) -> Look:
    try:
        length = source.length(index)
    except DiasError as error:
        return Look.at_nothing(_fault(name, error))
    shown = set(np.linspace(0, length - 1, min(_FRAMES, length)).round().astype(int).tolist()) if draw else ()
    frames: list[Frame] = []
    samples: list[ImageSample] = []
    classes, faults = None, _Faults(name)
    for start in range(0, length, _AT_ONCE):
        if stop.is_set():
            break
        read, wrong = _whole_frames(source, index, range(start, min(start + _AT_ONCE, length)))
        faults.add(wrong)
        frames += [frame for _, frame in read.values()]
        classes = next((_numbers(sample.classes) for sample, _ in read.values()), classes)
        samples += [sample for place, (sample, _) in read.items() if place in shown]
    drawn = _drawn(name, samples, frames) if samples else None
    return Look(length=length, frames=tuple(frames), classes=classes, faults=faults.told(), drawn=drawn)


class _Faults:
    """Of one clip: a few are kept, the others are counted, since a file may promise any number of frames."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: dict[str, Fault] = {}
        self.more = 0

    def add(self, errors: list[DiasError]) -> None:
        for error in errors:
            fault = _fault(self.name, error)
            if fault.line in self.kept:
                continue
            if len(self.kept) < _FAULTS:
                self.kept[fault.line] = fault
            else:
                self.more += 1

    def told(self) -> tuple[Fault, ...]:
        found = tuple(self.kept.values())
        if not self.more:
            return found
        line = f"{self.name}: {self.more:,} faults more of this clip"
        return (*found, Fault(name=self.name, file=found[-1].file, line=line))


def _whole_frames(
    source: ClipSource, index: int, places: range
) -> tuple[dict[int, tuple[ImageSample, Frame]], list[DiasError]]:
    """Those of some frames that are whole, by their places, and what is wrong with the others.

    They are read together, which stops at the first fault; then one by one.
    """
    try:
        clip = source.read(index, places)
        read = [clip.frame(place) for place in range(len(places))]
        return {place: (one, _frame(one)) for place, one in zip(places, read, strict=True)}, []
    except DiasError as error:
        first = error
    found, wrong = {}, []
    for place in places:
        try:
            sample = source.read(index, [place]).frame(0)
            found[place] = sample, _frame(sample)
        except DiasError as error:
            wrong.append(error)
    return found, wrong if str(first) in map(str, wrong) else [first, *wrong]


def _frame(sample: ImageSample) -> Frame:
    height, width = sample.image.shape[:2]
    for what, values in (("mask", sample.mask), ("ignore mask", sample.ignore), ("depth", sample.depth)):
        if values is not None and values.shape != (height, width):
            raise SampleError(
                sample.name,
                f"its {what} has {values.shape[1]} x {values.shape[0]} pixels, the image {width} x {height}",
                do="make them of one size",
            )
    numbers, areas = _objects(sample)
    ignored = None if sample.ignore is None else float(sample.ignore.mean())
    return Frame(
        size=(height, width), numbers=numbers, areas=areas, masked=sample.mask is not None, ignored=ignored
    )


def _objects(sample: ImageSample) -> tuple[Int64[np.ndarray, " k"] | None, Float32[np.ndarray, " _"]]:
    """Numbers of the objects that are seen, and their areas where there is a mask."""
    nothing = np.zeros(0, dtype=np.float32)
    known = [len(values) for values in (sample.boxes, sample.classes, sample.tracks) if values is not None]
    if sample.mask is None:
        if sample.boxes is None:
            return None, nothing
        return np.flatnonzero((sample.boxes[:, 2:] > sample.boxes[:, :2]).all(axis=1)) + 1, nothing
    if sample.mask.min() < 0 or (known and sample.mask.max() > min(known)):
        raise SampleError(
            sample.name,
            f"its mask has segments {sample.mask.min()} to {sample.mask.max()}, "
            f"expected 0 to {min(known, default=0) or 'more'}",
            do="number the segments as the objects are listed",
        )
    pixels = np.bincount(sample.mask.ravel())
    numbers = np.flatnonzero(pixels[1:]) + 1
    return numbers, (pixels[numbers] / sample.mask.size).astype(np.float32)


def _drawn(name: str, samples: list[ImageSample], frames: list[Frame]) -> Drawn:
    """An image beside its masks; of a clip, frames in a row and their masks below."""
    objects = len(
        {number for frame in frames if frame.numbers is not None for number in frame.numbers.tolist()}
    )
    known = any(frame.numbers is not None for frame in frames)
    said = [f"{len(frames)} frames"] * (len(frames) > 1)
    said += [f"{objects} object{'s' * (objects != 1)}" if known else "no masks"]
    plain = [_small(sample.image) for sample in samples]
    masked = [_small(_overlaid(sample)) for sample in samples if sample.mask is not None]
    if len(frames) == 1:
        picture = np.concatenate([*plain, *masked], axis=1)
    else:
        rows = [np.concatenate(row, axis=1) for row in (plain, masked) if len(row) == len(plain)]
        picture = np.concatenate(rows, axis=0)
    return Drawn(caption=f"{name}: {', '.join(said)}", picture=picture)


def _overlaid(sample: ImageSample) -> UInt8[np.ndarray, "h w 3"]:
    assert sample.mask is not None
    labels = sample.mask if sample.ignore is None else np.where(sample.ignore, -1, sample.mask)
    return overlay(sample.image, labels, palette=ground_truth_colours(int(sample.mask.max()) + 1))


def _small(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    height, width = picture.shape[:2]
    scale = min(_SIDE / max(height, width), 1)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def _numbers(values: np.ndarray | None) -> Int64[np.ndarray, " k"] | None:
    return None if values is None else values.astype(np.int64)


def _fault(name: str, error: DiasError) -> Fault:
    file = str(error.file) if isinstance(error, FileError) else name
    return Fault(name=name, file=file, line=str(error))
