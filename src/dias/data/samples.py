"""What a data set gives: an image or a clip, what is known of its objects; and what each set promises."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8


@dataclass(frozen=True, kw_only=True)
class ImageSample:
    """One image. Everything but the picture and its name may be unknown (None).

    Attributes:
        image: RGB, 0 to 255.
        name: unique in its data set, such as the file's path below the data set's folder.
        mask: segment number of each pixel; 0 is the background, objects count from 1. The background keeps
            its number when a view shows none of it.
        ignore: pixels that nobody has labelled; how metrics treat them is the protocol's choice.
        boxes: one row per object number 1, 2, ...: x0, y0, x1, y1, the last two exclusive, as shares (0 to 1)
            of width and height; a row of zeros for an object that is not in the picture.
        classes: class number of each object, in the order of `boxes`, as the data set numbers them.
        tracks: the data set's own number of each object, in the order of `boxes`.
        depth: distance of each pixel from the camera, in the data set's unit.
    """

    image: UInt8[np.ndarray, "h w 3"]
    name: str
    mask: Int[np.ndarray, "h w"] | None = None
    ignore: Bool[np.ndarray, "h w"] | None = None
    boxes: Float[np.ndarray, "k 4"] | None = None
    classes: Int[np.ndarray, " k"] | None = None
    tracks: Int[np.ndarray, " k"] | None = None
    depth: Float[np.ndarray, "h w"] | None = None


@dataclass(frozen=True, kw_only=True)
class ClipSample:
    """Frames of one clip, all of one size. Everything but frames, name and numbers may be unknown (None).

    Attributes:
        frames: RGB, 0 to 255.
        name: of the clip, unique in its data set.
        numbers: place of each frame in the whole clip, rising.
        mask: segment number of each pixel; 0 is the background; an object keeps its number in all frames,
            1 to the number of objects in the whole clip, whichever frames were read.
        ignore: pixels that nobody has labelled; how metrics treat them is the protocol's choice.
        boxes: in every frame a row per object, as in `ImageSample`; zeros where the object is not seen. Where
            the masks alone tell how many objects there are (DAVIS, folders of frames), up to the greatest
            number in the frames that were read.
        classes: class number of each object, as the data set numbers them.
        tracks: the data set's own number of each object.
        flow: motion of each pixel to the next frame, in pixels (x to the right, y down).
        depth: distance of each pixel from the camera, in the data set's unit.
    """

    frames: UInt8[np.ndarray, "t h w 3"]
    name: str
    numbers: tuple[int, ...]
    mask: Int[np.ndarray, "t h w"] | None = None
    ignore: Bool[np.ndarray, "t h w"] | None = None
    boxes: Float[np.ndarray, "t k 4"] | None = None
    classes: Int[np.ndarray, " k"] | None = None
    tracks: Int[np.ndarray, " k"] | None = None
    flow: Float[np.ndarray, "t h w 2"] | None = None
    depth: Float[np.ndarray, "t h w"] | None = None

    def frame(self, place: int) -> ImageSample:
        """One of the frames that were read, as an image named `CLIP/NUMBER`; the flow stays behind."""
        return ImageSample(
            image=self.frames[place],
            name=f"{self.name}/{self.numbers[place]:05d}",
            mask=None if self.mask is None else self.mask[place],
            ignore=None if self.ignore is None else self.ignore[place],
            boxes=None if self.boxes is None else self.boxes[place],
            classes=self.classes,
            tracks=self.tracks,
            depth=None if self.depth is None else self.depth[place],
        )


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A picture that was left out.

    Attributes:
        name: in its data set.
        reason: what is wrong with the file.
    """

    name: str
    reason: str


@runtime_checkable
class ImageSource(Protocol):
    """What every data set of images promises."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, index: int) -> ImageSample:
        """Read an image and what is known of it.

        Raises:
            SampleError: names the file that cannot be read.
        """
        ...

    def name(self, index: int) -> str:
        """Name of an image, without reading it."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 over sorted names and sizes of the image files: says whether two folders hold the same."""
        ...


@runtime_checkable
class Scenes(Protocol):
    """A data set of images of which some neighbours show one scene, such as the frames of a clip."""

    def scene(self, index: int) -> int:
        """Number of an image's scene; those of one scene are neighbours."""
        ...


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a copy of a data set was made from.

    Attributes:
        settings: of the data set (kind, split, ...), but for its path: that may be of another machine.
        fingerprint: of the data set.
    """

    settings: Mapping[str, Any]
    fingerprint: str


@runtime_checkable
class Copied(Protocol):
    """A data set that is a copy of another, whose settings it hides."""

    def origin(self) -> Origin:
        """What it was made from."""
        ...


@runtime_checkable
class SharedSamples(Protocol):
    """A data set of images or clips whose splits share some of them."""

    def shared(self, index: int) -> str:
        """The same in two splits for the very same sample, labels included; no two data sets share it."""
        ...


@runtime_checkable
class NamedClasses(Protocol):
    """A data set of images or clips that may know what its classes are called."""

    def class_names(self) -> Mapping[int, str]:
        """Name of each class number; none where its files do not tell."""
        ...


@runtime_checkable
class Unlabelled(Protocol):
    """A data set of images or clips that may tell, before any is read, that nobody has labelled them."""

    def without_masks(self) -> str | None:
        """Which file has none, why, and what to do; None where there are masks."""
        ...


@runtime_checkable
class EncodedImages(Protocol):
    """A data set of images that can hand over their files, so that a copy is exact and no larger."""

    def encoded(self, index: int) -> bytes | None:
        """The file of the sample's image; None: it comes from elsewhere.

        `read_image` makes the image of it, unless a tag says to turn it and the data set takes stored pixels.
        """
        ...


@runtime_checkable
class EncodedFrames(Protocol):
    """A data set of clips that can hand over the files of their frames."""

    def encoded(self, index: int, frame: int) -> bytes | None:
        """The file of a frame, as in `EncodedImages`; None: it comes from elsewhere, such as a video."""
        ...


@runtime_checkable
class ClipSource(Protocol):
    """What every data set of clips promises. Its frames as images: `dias.data.frames.images_of`."""

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def length(self, index: int) -> int:
        """Number of frames of a clip, without decoding them."""
        ...

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a clip (places in it, rising), or all, and what is known of them.

        Raises:
            SampleError: names the file that cannot be read.
        """
        ...

    def name(self, index: int) -> str:
        """Name of a clip, without reading it."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 over sorted names and sizes of the files that hold the frames."""
        ...


@runtime_checkable
class ClipPictures(Protocol):
    """A data set of clips whose frames can also be read without their labels."""

    def pictures(self, index: int, frames: Sequence[int]) -> ClipSample:
        """Read some frames of a clip (places in it, rising) and their names alone.

        Raises:
            SampleError: names the file that cannot be read.
        """
        ...


@runtime_checkable
class PictureSource(Protocol):
    """A data set of images that can also be read without its labels, which training never looks at."""

    def picture(self, index: int) -> ImageSample:
        """Read an image and its name alone.

        Raises:
            SampleError: names the file that cannot be read.
        """
        ...


def picture_of(source: ImageSource, index: int) -> ImageSample:
    """Read an image and its name alone; its labels only where the data set cannot leave them unread.

    Raises:
        SampleError: names the file that cannot be read.
    """
    if isinstance(source, PictureSource):
        return source.picture(index)
    sample = source[index]
    return ImageSample(image=sample.image, name=sample.name)


def class_names_of(source: "ImageSource | ClipSource") -> Mapping[int, str]:
    """Name of each class number, as far as the data set tells."""
    return source.class_names() if isinstance(source, NamedClasses) else {}


def known_by(source: ImageSource) -> tuple[str, ...]:
    """Fingerprints that tell a data set's pictures: its own; of a copy, that of what was copied too."""
    own = source.fingerprint()
    return (own, source.origin().fingerprint) if isinstance(source, Copied) else (own,)


def fingerprint_below(folder: Path, names: Iterable[str]) -> str:
    """`fingerprint_of` files below a folder; one that is not there counts too: reading it says so."""
    return fingerprint_of((name, _bytes(folder / name)) for name in names)


def fingerprint_of(files: Iterable[tuple[str, int]]) -> str:
    """SHA-256 over sorted (name, bytes) pairs, in hexadecimal."""
    digest = hashlib.sha256()
    for name, size in sorted(files):
        digest.update(f"{name}\0{size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _bytes(file: Path) -> int:
    try:
        return int(file.stat().st_size)
    except OSError:
        return -1
