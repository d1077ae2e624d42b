"""What a data set gives: one image, and what is known of its objects; what every data set promises."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8


@dataclass(frozen=True, kw_only=True)
class ImageSample:
    """One image. Everything but the picture and its name may be unknown (None).

    Attributes:
        image: RGB, 0 to 255.
        name: unique in its data set, such as the file's path below the data set's folder.
        mask: segment number of each pixel; 0 is the background, objects count from 1.
        ignore: pixels that no metric should look at.
        boxes: one row per object number 1, 2, ...: x0, y0, x1, y1, the last two exclusive, as shares (0 to 1)
            of width and height; a row of zeros for an object that is not in the picture.
        classes: class number of each object, in the order of `boxes`.
    """

    image: UInt8[np.ndarray, "h w 3"]
    name: str
    mask: Int[np.ndarray, "h w"] | None = None
    ignore: Bool[np.ndarray, "h w"] | None = None
    boxes: Float[np.ndarray, "k 4"] | None = None
    classes: Int[np.ndarray, " k"] | None = None


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


def fingerprint_of(files: Iterable[tuple[str, int]]) -> str:
    """SHA-256 over sorted (name, bytes) pairs, in hexadecimal."""
    digest = hashlib.sha256()
    for name, size in sorted(files):
        digest.update(f"{name}\0{size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
