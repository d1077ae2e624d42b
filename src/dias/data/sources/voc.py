"""Pascal VOC 2007 and 2012: photos with objects of 20 classes (host.robots.ox.ac.uk/pascal/VOC)."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from jaxtyping import Int, Int32
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import read_image, read_mask
from dias.data.inside import inside
from dias.data.samples import ImageSample, fingerprint_below
from dias.data.sources.contract import Use
from dias.errors import FileError, SampleError, SettingError
from dias.masks.boxes import boxes_from_labels

Year = Literal[2007, 2012]
Split = Literal["train", "val", "trainval", "test", "trainaug"]

_LISTS = Path("ImageSets", "Segmentation")
_LISTED: tuple[Split, ...] = ("train", "val", "trainval", "test")
_AUGMENTED = "SegmentationClassAug"
_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_BOUNDARY = 255  # in the palette (224, 224, 192)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class VocConfig:
    """Settings of Pascal VOC, as its archives unpack.

    Attributes:
        path: `VOC2012` or `VOC2007`, the `VOCdevkit` that holds them, or the folder that holds that.
        year: of those in `path`. The pictures named 2007_* of 2012 come from 2007.
        split: a list of `ImageSets/Segmentation`. The reference of DIAS trains on trainval of 2012 and
            measures on trainval of 2007; most others train on trainaug of 2012 and measure on its val.
            trainaug is no part of the archive: see `build`.
        mode: a segment is an object, or all of a class; or none is read, since training needs none.
    """

    kind: Literal["voc"] = "voc"
    path: str
    year: Year = 2012
    split: Split = "train"
    mode: Literal["object", "class", "none"] = "object"

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "VocConfig | None":
        """Where there are `JPEGImages` and `ImageSets/Segmentation`; of two years, 2012."""
        years: tuple[Year, ...] = (2012, 2007)
        for year in years:
            folder = _folder(path, year)
            if (folder / "JPEGImages").is_dir() and (folder / _LISTS).is_dir():
                return cls(path=str(path), year=year, split="train" if use == "train" else "val")
        return None

    def splits(self) -> tuple[str, ...]:
        """Those that there is a list of; trainaug only in a mode that it has masks for."""
        folder = _folder(Path(self.path).expanduser(), self.year)
        listed = tuple(split for split in _LISTED if (folder / _LISTS / f"{split}.txt").is_file())
        return (*listed, "trainaug") if self.mode != "object" and _knows_trainaug(folder) else listed

    def build(self) -> "Voc":
        """List the pictures.

        trainaug is the 10,582 pictures that either VOC or SBD (Hariharan et al. 2011) has segmented, without
        those of val. All lie in `JPEGImages`; their names come from `ImageSets/Segmentation/trainaug.txt`, or
        from the folder `SegmentationClassAug` without the names of val.txt.

        Raises:
            DiasError: a folder or a list is missing, or the split has no such masks.
        """
        if self.split == "trainaug" and self.mode == "object":
            raise SettingError("mode", self.mode, "is not there for trainaug; set mode=none, or mode=class")
        return Voc(self)


class Voc:
    """Pictures in the order of a split's list, with masks, boxes and classes.

    The background is 0; the boundary drawn around each object belongs to nobody: it is `ignore`. Objects are
    numbered from 1 in the order of their palette indices, which are their `tracks`.
    """

    def __init__(self, config: VocConfig) -> None:
        self.folder = _folder(Path(config.path).expanduser(), config.year)
        self.mode = config.mode
        if not (self.folder / "JPEGImages").is_dir():
            raise FileError(
                self.folder / "JPEGImages", "there is no such folder", do=f"is this VOC{config.year}?"
            )
        self.masks = _AUGMENTED if config.split == "trainaug" else "SegmentationClass"
        if config.mode == "class" and not (self.folder / self.masks).is_dir():
            raise FileError(
                self.folder / self.masks, "there is no such folder", do="add it, or set mode=none"
            )
        self.ids = _ids(self.folder, config.split)

    def class_names(self) -> dict[int, str]:
        """Of the 20 classes."""
        return dict(enumerate(_CLASSES, start=1))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> ImageSample:
        """Read a picture and its masks.

        Raises:
            SampleError: a file is missing, damaged, or of another size than the picture.
        """
        sample = self.picture(index)
        if self.mode == "none":
            return sample
        file = self.folder / self.masks / f"{self.ids[index]}.png"
        if self.mode == "class":
            sample, classes = _labelled(sample, file)
            return replace(sample, classes=classes)
        sample, tracks = _labelled(sample, self.folder / "SegmentationObject" / file.name)
        assert sample.mask is not None
        classes = _most_frequent(read_mask(file, size=sample.mask.shape), sample.mask, len(tracks))
        return replace(sample, tracks=tracks, classes=classes)

    def picture(self, index: int) -> ImageSample:
        """Read the picture alone.

        Raises:
            SampleError: it is missing or damaged.
        """
        return ImageSample(
            image=read_image(self.folder / self.name(index), upright=False), name=self.name(index)
        )

    def encoded(self, index: int) -> bytes:
        """The picture's file."""
        return (self.folder / self.name(index)).read_bytes()

    def name(self, index: int) -> str:
        """Path below the year's folder, such as `JPEGImages/2007_000032.jpg`."""
        return f"JPEGImages/{self.ids[index]}.jpg"

    def shared(self, index: int) -> str:
        """File of its picture or masks: trainval is train and val, trainaug has masks of its own."""
        return str(self.folder / ("JPEGImages" if self.mode == "none" else self.masks) / self.ids[index])

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the pictures."""
        return fingerprint_below(self.folder, map(self.name, range(len(self))))


def _folder(path: Path, year: Year) -> Path:
    """Find the year's folder at or below what the user has named."""
    name = f"VOC{year}"
    if (path / "JPEGImages").is_dir() and path.resolve().name not in {"VOC2007", "VOC2012"} - {name}:
        return path
    return next((below for below in (path / name, path / "VOCdevkit" / name) if below.is_dir()), path / name)


def _ids(folder: Path, split: Split) -> list[str]:
    """Read a split's list; a name stands for a picture and its masks."""
    file = folder / _LISTS / f"{split}.txt"
    if split == "trainaug":
        if not _knows_trainaug(folder):
            raise FileError(
                file,
                f"does not exist, nor does the folder {_AUGMENTED}: trainaug is no part of VOC2012",
                do=f"add either to {folder}: the usual SegmentationClassAug.zip is SBD's masks as PNG",
            )
        if not file.is_file():
            val = set(_ids(folder, "val"))
            return sorted({mask.stem for mask in (folder / _AUGMENTED).glob("[!.]*.png")} - val)
    ids = [_id(line.split()[0], split=split) for line in _lines(file)]
    for name in ids:
        inside(folder / "JPEGImages", f"{name}.jpg", named_by=file)
    if not ids:
        raise FileError(file, "names no picture", do="copy it from the archive again")
    return list(dict.fromkeys(ids))


def _id(name: str, *, split: Split) -> str:
    """Some lists of trainaug give `/JPEGImages/ID.jpg` and a mask."""
    return PurePosixPath(name).stem if split == "trainaug" else name


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        raise FileError(file, "does not exist", do="choose another split, or unpack its archive") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(file, f"cannot be read ({error})", do="copy it from the archive again") from None


def _knows_trainaug(folder: Path) -> bool:
    return (folder / _LISTS / "trainaug.txt").is_file() or (folder / _AUGMENTED).is_dir()


def _labelled(sample: ImageSample, file: Path) -> tuple[ImageSample, Int[np.ndarray, " k"]]:
    """Add a mask; also give the palette index of each of its segments."""
    indices = read_mask(file, size=(sample.image.shape[0], sample.image.shape[1]))
    if indices.max() > _BOUNDARY:
        raise SampleError(file, f"has index {indices.max()}, a palette has 256", do="copy it again")
    ignore = indices == _BOUNDARY
    own = np.unique(indices[~ignore & (indices > 0)])
    mask = np.searchsorted(own, indices).astype(np.int32) + 1
    mask[ignore | (indices == 0)] = 0
    boxes = boxes_from_labels(mask, len(own))
    return replace(sample, mask=mask, ignore=ignore, boxes=boxes), own.astype(np.int64)


def _most_frequent(
    classes: Int32[np.ndarray, "h w"], mask: Int32[np.ndarray, "h w"], count: int
) -> Int[np.ndarray, " k"]:
    """Class that most pixels of each object have; 0 if none has one."""
    known = (classes > 0) & (classes < _BOUNDARY) & (mask > 0)
    pixels = np.bincount(mask[known] * _BOUNDARY + classes[known], minlength=(count + 1) * _BOUNDARY)
    found: np.ndarray = pixels.reshape(count + 1, _BOUNDARY)[1:].argmax(axis=1).astype(np.int64)
    return found
