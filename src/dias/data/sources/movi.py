"""MOVi-A to E, rendered clips of Kubric, from the record files of TensorFlow Datasets; no TensorFlow needed.

Layout: `gs://kubric-public/tfds`, such as `movi_c/256x256/1.0.0/movi_c-train.tfrecord-00000-of-01024`.
Features: https://github.com/google-research/kubric/tree/main/challenges/movi (movi_a.py to movi_e.py).
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from pydantic.dataclasses import dataclass

from dias.config import STRICT, from_dict, to_dict
from dias.data.formats.examples import Example, Span
from dias.data.formats.png import Mode, decode_png
from dias.data.formats.tfds import INFO, TfdsFolder
from dias.data.samples import ClipSample, fingerprint_of
from dias.data.sources.contract import Use
from dias.errors import DiasError, FileError, SettingError
from dias.masks.boxes import boxes_from_labels

_VERSION = "1.0.0"
_VARIANTS = ("a", "b", "c", "d", "e")
_SPLITS = ("train", "validation", "test")
# What is counted as the class: Kubric's objects of A and B have shapes, those of C to E come from categories.
_CLASSES = {"a": "shape_label", "b": "shape_label"}
_MOST_OBJECTS = 255  # a mask has eight bits
_MOST_NUMBERS = 1 << 28  # in the pictures of one read; MOVi's have 5 million
_MOST_FRAMES = 10_000  # of a clip; MOVi's have 24


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MoviConfig:
    """A MOVi data set.

    Attributes:
        path: folder of a version (`1.0.0`), of a size, of a variant (`movi_c`), or of several variants.
        split: `test` only has things and backgrounds that are in no other split (C, D and E).
        variant: which, where the path holds several.
        size: side of the pictures, where the path holds several: 128 or 256.
        flow: read the forward flow too; a frame's can only be had by decoding that of the whole clip.
        depth: read the depth too.
        checksums: read and check each record as a whole before anything of it is used: 27 MB a clip. Without,
            damage is found by the checks within the pictures; flow and depth range have none.
        partial: do with the files that are there, where others of the split are missing.
    """

    kind: Literal["movi"] = "movi"
    path: str
    split: Literal["train", "validation", "test"] = "train"
    variant: Literal["a", "b", "c", "d", "e"] | None = None
    size: int | None = None
    flow: bool = False
    depth: bool = False
    checksums: bool = False
    partial: bool = False

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "MoviConfig | None":
        """Where a version's folder is, or below, with record files of such a name."""
        split: Literal["train", "validation"] = "train" if use == "train" else "validation"
        return cls(path=str(path), split=split, checksums=use == "check") if _versions(path) else None

    def several(self) -> tuple[tuple[str, "MoviConfig"], ...]:
        """Settings of each variant and size at the path, of those that are chosen already, by its folder."""
        path, found = Path(self.path).expanduser(), []
        for version in map(TfdsFolder, _chosen(self)):
            chosen = {"variant": version.name[-1], "size": version.video_shape("video")[1]}
            config = from_dict(MoviConfig, to_dict(self) | chosen, where=str(version.folder))
            found.append((version.folder.parent.relative_to(path).as_posix(), config))
        return tuple(found) if len(found) > 1 else ()

    def splits(self) -> tuple[str, ...]:
        """Those of the version's `dataset_info.json`."""
        found = _opened(self).splits
        return tuple(split for split in _SPLITS if found.get(split))

    def build(self) -> "Movi":
        """List the clips by the JSON of the version; no record is read.

        Raises:
            DiasError: files are missing or damaged; or a setting does not fit them.
        """
        folder = _opened(self)
        if not folder.splits.get(self.split):
            there = ", ".join(self.splits())
            raise SettingError("split", self.split, f"is not in {folder.folder}; there are: {there}")
        return Movi(folder, self)


class Movi:
    """Clips of moving objects; all knowledge of them is exact. A clip's name is SPLIT-FILE-RECORD.

    Masks number the objects from 1, as Kubric does, by falling visibility; so do boxes, classes and tracks.
    Boxes are taken from the masks of the frames (Kubric's own are too, at 256 x 256).
    """

    def __init__(self, folder: TfdsFolder, config: MoviConfig) -> None:
        self.folder = folder.folder
        self.config = config
        self.files = folder.files(config.split, partial=config.partial)
        frames, height, width, _ = folder.video_shape("video")
        if height is None or width is None:
            raise FileError(
                folder.folder / "features.json", "declares a video of no size", do="download it again"
            )
        if frames is not None and frames > _MOST_FRAMES:
            raise FileError(
                folder.folder / "features.json",
                f"declares clips of {frames:,} frames, expected at most {_MOST_FRAMES:,}",
                do="download it again",
            )
        self.frames, self.size = frames, (height, width)
        self._classes = f"instances/{_CLASSES.get(folder.name[-1], 'category')}"
        self._starts = [0, *accumulate(file.count for file in self.files)]

    def __len__(self) -> int:
        return self._starts[-1]

    def length(self, index: int) -> int:
        """Number of frames: as `features.json` declares it (24), else by counting those of the record."""
        if self.frames is not None:
            return self.frames
        file, place = self._place(index)
        with self.files[file].open(place) as record:
            return len(Example(record).strings("video"))

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a clip, or all; only their pictures are read and decoded.

        Raises:
            SampleError: the record is damaged, cut short, lacks a feature, or its parts do not fit together.
        """
        with self._example(index) as example:
            return self._clip(example, self.name(index), frames)

    def pictures(self, index: int, frames: Sequence[int]) -> ClipSample:
        """Read some frames of a clip alone: damage to its labels does not matter, without `checksums`.

        Raises:
            SampleError: the record or a picture is damaged.
        """
        with self._example(index) as example:
            video, numbers, _ = self._video(example, frames)
            return ClipSample(frames=video, name=self.name(index), numbers=numbers)

    def name(self, index: int) -> str:
        """Such as `train-00017-3`: record 3 of file 17 of the split."""
        file, place = self._place(index)
        number = self.files[file].file.name.rpartition(".tfrecord-")[2][:5]
        return f"{self.config.split}-{number}-{place}"

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the split's record files."""
        return fingerprint_of((each.file.name, each.file.stat().st_size) for each in self.files)

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        file = bisect_right(self._starts, index) - 1
        return file, index - self._starts[file]

    @contextmanager
    def _example(self, index: int) -> Iterator[Example]:
        file, place = self._place(index)
        with self.files[file].open(place) as record:
            if self.config.checksums:
                record.check()
            yield Example(record)

    def _video(
        self, example: Example, frames: Sequence[int] | None
    ) -> tuple[UInt8[np.ndarray, "t h w 3"], tuple[int, ...], int]:
        """Frames that were asked for, their numbers, and how many the clip has."""
        pictures = example.strings("video")
        if self.frames not in (None, len(pictures)):
            raise example.record.fault(f"has {len(pictures)} frames, features.json declares {self.frames}")
        numbers = tuple(range(len(pictures)) if frames is None else frames)
        if not set(numbers) <= set(range(len(pictures))):
            raise IndexError(numbers)
        return self._pictures(example, "video", pictures, numbers, mode="RGB"), numbers, len(pictures)

    def _clip(self, example: Example, name: str, frames: Sequence[int] | None) -> ClipSample:
        video, numbers, count = self._video(example, frames)
        masks = self._of(example, "segmentations", count, numbers, mode="L").astype(np.int32)
        classes = example.integers(self._classes, most=_MOST_OBJECTS)
        if masks.max(initial=0) > len(classes):
            raise example.record.fault(
                f"has segment {masks.max()}, but the classes ({self._classes}) of only {len(classes)} objects"
            )
        boxes = [boxes_from_labels(mask, len(classes)) for mask in masks]
        return ClipSample(
            frames=video,
            name=name,
            numbers=numbers,
            mask=masks,
            boxes=np.array(boxes, dtype=np.float32).reshape(len(numbers), len(classes), 4),
            classes=classes,
            tracks=np.arange(1, len(classes) + 1),
            flow=self._flow(example, count, numbers) if self.config.flow else None,
            depth=self._depth(example, count, numbers) if self.config.depth else None,
        )

    def _of(
        self, example: Example, feature: str, count: int, numbers: Sequence[int], *, mode: Mode
    ) -> Shaped[np.ndarray, "t h w"]:
        pictures = example.strings(feature)
        if len(pictures) != count:
            raise example.record.fault(f"has {count} frames, but {len(pictures)} pictures of {feature!r}")
        return self._pictures(example, feature, pictures, numbers, mode=mode)

    def _pictures(
        self, example: Example, feature: str, pictures: list[Span], numbers: Sequence[int], *, mode: Mode
    ) -> Shaped[np.ndarray, "t h w *c"]:
        shape = (len(numbers), *self.size, *((3,) if mode == "RGB" else ()))
        if math.prod(shape) > _MOST_NUMBERS:
            raise example.record.fault(f"has pictures of {shape} numbers in {feature!r}: too large")
        decoded = np.empty(shape, np.uint16 if mode == "I;16" else np.uint8)
        for place, number in enumerate(numbers):
            try:
                decoded[place] = decode_png(example.read(pictures[number]), mode=mode, size=self.size)
            except ValueError as error:
                raise example.record.fault(f"frame {number} of {feature!r} {error}") from None
        return decoded

    def _flow(self, example: Example, count: int, numbers: Sequence[int]) -> Float32[np.ndarray, "t h w 2"]:
        """Kubric stores (down, right) for all pixels of all frames in one list."""
        height, width = self.size
        each = height * width * 2
        values = example.integers("forward_flow", most=count * each)
        if len(values) != count * each:
            raise example.record.fault(
                f"has a forward_flow of {len(values):,} numbers, expected {count * each:,}"
            )
        stored = values.reshape(count, height, width, 2)[list(numbers)]
        if stored.min(initial=0) < 0 or stored.max(initial=0) > 65_535:
            raise example.record.fault("has a forward_flow with numbers of more than 16 bits")
        flow = _in_range(example, "forward_flow", stored)
        return np.ascontiguousarray(flow[..., ::-1])

    def _depth(self, example: Example, count: int, numbers: Sequence[int]) -> Float32[np.ndarray, "t h w"]:
        return _in_range(example, "depth", self._of(example, "depth", count, numbers, mode="I;16"))


def _in_range(example: Example, feature: str, stored: Shaped[np.ndarray, "*s"]) -> Float32[np.ndarray, "*s"]:
    """Sixteen bits as shares of the range that the clip's metadata has."""
    limits = example.floats(f"metadata/{feature}_range", most=2).tolist()
    if len(limits) != 2 or not all(map(math.isfinite, limits)) or limits[0] > limits[1]:
        raise example.record.fault(
            f"has the {feature}_range {limits}, expected the least and the greatest value"
        )
    low, high = limits
    values: np.ndarray = (stored / 65_535 * (high - low) + low).astype(np.float32)
    return values


def _opened(config: MoviConfig) -> TfdsFolder:
    """The one version that path, variant and size name."""
    path = Path(config.path).expanduser()
    found = _chosen(config)
    if not found:
        chosen = f" of variant {config.variant or 'any'}, size {config.size or 'any'}"
        raise FileError(path, f"there is no MOVi data set{chosen}", do="check path, variant and size")
    if len(found) > 1:
        names = ", ".join(str(folder.relative_to(path)) for folder in found)
        raise DiasError(f"{path}: has several data sets ({names}); choose with variant and size")
    folder = TfdsFolder(found[0])
    if folder.name not in {f"movi_{variant}" for variant in _VARIANTS}:
        raise FileError(found[0] / INFO, f"is of {folder.name!r}, expected movi_a to movi_e")
    return folder


def _chosen(config: MoviConfig) -> list[Path]:
    """Folders of the versions at the path that are of the variant and size."""
    found = _versions(Path(config.path).expanduser())
    if config.variant is not None:
        found = [folder for folder in found if TfdsFolder(folder).name == f"movi_{config.variant}"]
    if config.size is not None:
        found = [folder for folder in found if TfdsFolder(folder).video_shape("video")[1] == config.size]
    return found


def _versions(path: Path) -> list[Path]:
    """Folders of a version: the path itself, or below a size, a variant or their parent, as TFDS puts it."""
    for folder in (path, path / _VERSION):
        if _is_version(folder):
            return [folder]
    variants = [path, *(path / f"movi_{variant}" for variant in _VARIANTS)]
    sizes = [size for folder in variants if folder.name.startswith("movi_") for size in folder.glob("*x*")]
    return [size / _VERSION for size in sorted(sizes) if _is_version(size / _VERSION)]


def _is_version(folder: Path) -> bool:
    return (folder / INFO).exists() and any(folder.glob("movi_[a-e]-*.tfrecord-*"))
