"""Where COCO's files lie, and what is common to its annotations."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
import numpy as np
from jaxtyping import UInt8

from dias.data.images import read_image
from dias.data.inside import inside
from dias.data.samples import ImageSample, fingerprint_below
from dias.errors import FileError, SampleError

Split = Literal["train2017", "val2017"]
SPLITS: tuple[Split, ...] = get_args(Split)
Side = Annotated[int, msgspec.Meta(gt=0, le=20_000)]
Id = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Class = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class Picture(msgspec.Struct, gc=False):
    """An entry of `images`."""

    id: Id
    file_name: str
    height: Side
    width: Side


def panoptic_file(path: Path, split: Split) -> Path:
    """Annotation of things and stuff."""
    return path / "annotations" / f"panoptic_{split}.json"


def instances_file(path: Path, split: Split) -> Path:
    """Annotation of things alone."""
    return path / "annotations" / f"instances_{split}.json"


def panoptic_folder(path: Path, split: Split) -> Path:
    """Folder of the panoptic annotation's PNGs: where the archive lies, or where it is unpacked from there.

    Raises:
        FileError: it is in neither place.
    """
    name = f"panoptic_{split}"
    places = path / "annotations" / name, path / name
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise FileError(places[0], "there is no such folder", do=f"unpack annotations/{name}.zip")
    return found


def existing(path: Path, split: Split, named: Callable[[Path, Split], Path]) -> Path:
    """Annotation of a split.

    Args:
        path: COCO's folder.
        split: which half of it.
        named: `panoptic_file` or `instances_file`.

    Raises:
        FileError: it is not there; names a split that is.
    """
    file = named(path, split)
    if not file.is_file():
        other = next((each for each in SPLITS if named(path, each).is_file()), None)
        do = f"there is one of {other}: set split={other}" if other else "check the path"
        raise FileError(file, "does not exist", do=do)
    return file


class Pictures:
    """Pictures of a split, with the size that the annotation says they have."""

    def __init__(self, path: Path, split: Split, entries: Sequence[Picture], *, named_by: Path) -> None:
        self.folder = path
        self.named_by = named_by
        if not (path / split).is_dir():
            raise FileError(path / split, "there is no such folder", do=f"unpack {split}.zip into {path}")
        self.names = [f"{split}/{entry.file_name}" for entry in entries]
        for entry in entries:
            inside(path / split, entry.file_name, named_by=named_by)
        if len(set(self.names)) < len(self.names):
            raise FileError(named_by, "names a picture twice", do="download it again")
        if not self.names:
            raise FileError(named_by, "names no picture", do="download it again")
        self.sizes = np.array([(entry.height, entry.width) for entry in entries], dtype=np.int32)

    def read(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """Read one.

        Raises:
            SampleError: it is missing or damaged, or has another size than the annotation says.
        """
        file = self.folder / self.names[index]
        image = read_image(file, upright=False)
        height, width = self.sizes[index].tolist()
        if image.shape[:2] != (height, width):
            raise SampleError(
                file,
                f"is {image.shape[:2]}, {self.named_by.name} says {(height, width)} (height, width)",
                do="copy it from the archive again",
            )
        return image


class WithoutLabels:
    """What both annotations have in common: the pictures, and what can be told of them without a label."""

    pictures: Pictures

    def __len__(self) -> int:
        return len(self.pictures.names)

    def picture(self, index: int) -> ImageSample:
        """Read the picture alone.

        Raises:
            SampleError: it is missing, damaged or of another size.
        """
        return ImageSample(image=self.pictures.read(index), name=self.name(index))

    def encoded(self, index: int) -> bytes:
        """The picture's file."""
        return (self.pictures.folder / self.name(index)).read_bytes()

    def name(self, index: int) -> str:
        """Path below COCO's folder, such as `val2017/000000000139.jpg`."""
        return self.pictures.names[index]

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the pictures."""
        return fingerprint_below(self.pictures.folder, self.pictures.names)
