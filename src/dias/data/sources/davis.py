"""DAVIS 2017 (davischallenge.org): short clips whose objects are segmented in every frame."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int32, UInt8
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import read_image, read_mask
from dias.data.inside import inside
from dias.data.samples import ClipSample
from dias.data.sources.contract import Use
from dias.data.sources.frame_files import FrameFiles
from dias.errors import FileError, SampleError
from dias.masks.boxes import boxes_from_labels

Split = Literal["train", "val", "test-dev", "test-challenge"]
_SPLITS: tuple[Split, ...] = ("train", "val", "test-dev", "test-challenge")
_VOID = 255  # in a mask: nobody's


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DavisConfig:
    """The folder `DAVIS` that the archives unpack into.

    Attributes:
        path: holds `ImageSets`, `JPEGImages` and `Annotations`.
        split: of test-dev and test-challenge only the first frames are annotated.
        resolution: of frames and masks.
        unsupervised: take `Annotations_unsupervised`, which has more objects.
    """

    kind: Literal["davis"] = "davis"
    path: str
    split: Split = "train"
    resolution: Literal["480p", "Full-Resolution"] = "480p"
    unsupervised: bool = False

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "DavisConfig | None":
        """Where there are `ImageSets/2017` (or 2019) and `JPEGImages`; or in the folder `DAVIS` there.

        `train` to train, `val` to evaluate. Masks: `Annotations`, or the unsupervised ones where only those
        are there; likewise 480p, or full resolution.
        """
        for folder in (path, path / "DAVIS"):
            there = cls(path=str(folder)).splits()
            frames = folder / "JPEGImages"
            if there and frames.is_dir():
                wanted: Split = "train" if use == "train" else "val"
                only_unsupervised = not (folder / "Annotations").is_dir()
                return cls(
                    path=str(folder),
                    split=wanted if wanted in there else there[0],
                    resolution="480p" if (frames / "480p").is_dir() else "Full-Resolution",
                    unsupervised=only_unsupervised and (folder / "Annotations_unsupervised").is_dir(),
                )
        return None

    def splits(self) -> tuple[Split, ...]:
        """Those that have a list of clips."""
        return tuple(split for split in _SPLITS if self._list(split) is not None)

    def build(self) -> "Davis":
        """List the clips.

        Raises:
            FileError: the list of clips or a clip's folder is missing.
        """
        folder = Path(self.path).expanduser()
        names = self._list(self.split)
        if names is None:
            raise FileError(
                folder / "ImageSets" / "2017" / f"{self.split}.txt",
                "does not exist",
                do=f"unpack the archive of {self.split} into {folder}",
            )
        annotations = "Annotations_unsupervised" if self.unsupervised else "Annotations"
        return Davis(
            names,
            folder / "JPEGImages" / self.resolution,
            folder / annotations / self.resolution,
            first_alone=self.split in ("test-dev", "test-challenge"),
        )

    def _list(self, split: Split) -> Path | None:
        """File that lists a split's clips; the test clips of the unsupervised task came in 2019."""
        files = (
            Path(self.path).expanduser() / "ImageSets" / year / f"{split}.txt" for year in ("2017", "2019")
        )
        return next((file for file in files if file.is_file()), None)


class Davis(FrameFiles):
    """Clips in the order of the list; segments are numbered as in the masks.

    Pixels of 255 are ignored. There are no classes; boxes are around the segments, tracks are their numbers.

    Args:
        names: list of clips.
        frames: holds a folder of JPEGs for each clip.
        masks: holds a folder of PNGs for each clip.
        first_alone: a clip may have a mask of its first frame alone, then all pixels of the others are
            ignored; or none, then its mask is None. Else every frame must have one.
    """

    def __init__(self, names: Path, frames: Path, masks: Path, *, first_alone: bool) -> None:
        self.folder, self.masks = frames, masks
        self.clips = _clips(names, frames)
        self._first_alone = first_alone
        self._annotated = [sum(1 for _ in (masks / name).glob("*.png")) for name, _ in self.clips]

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a clip, or all, with their masks.

        Raises:
            SampleError: a frame or a mask is missing or cannot be read, or is not of the size of the others.
        """
        places = range(self.length(index)) if frames is None else frames
        clip = self.pictures(index, places)
        if self._first_alone and not self._annotated[index]:
            return clip
        drawn = np.stack([self._mask(index, place, size=clip.frames.shape[1:3]) for place in places])
        ignore = drawn == _VOID
        mask = np.where(ignore, 0, drawn)
        count = int(mask.max())
        return replace(
            clip,
            mask=mask,
            ignore=ignore,
            boxes=np.stack([boxes_from_labels(each, count) for each in mask]),
            tracks=np.arange(1, count + 1),
        )

    def pictures(self, index: int, frames: Sequence[int]) -> ClipSample:
        """Read some frames of a clip without their masks.

        Raises:
            SampleError: a frame cannot be read, or is not of the size of the others.
        """
        name, files = self.clips[index]
        images: list[UInt8[np.ndarray, "h w 3"]] = []
        for place in frames:
            file = self.folder / name / files[place]
            images.append(read_image(file, upright=False))
            if images[-1].shape != images[0].shape:
                raise SampleError(
                    file,
                    f"is {images[-1].shape[:2]}, other frames {images[0].shape[:2]} (height, width)",
                    do="download it again",
                )
        return ClipSample(frames=np.stack(images), name=name, numbers=tuple(frames))

    def _mask(self, index: int, place: int, *, size: tuple[int, int]) -> Int32[np.ndarray, "h w"]:
        name, files = self.clips[index]
        if place > 0 and self._first_alone and self._annotated[index] == 1:
            return np.full(size, _VOID, dtype=np.int32)
        return read_mask((self.masks / name / files[place]).with_suffix(".png"), size=size)


def _clips(file: Path, frames: Path) -> list[tuple[str, list[str]]]:
    """Names of the clips, and of the frames of each."""
    try:
        names = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(file, f"cannot be read ({error})", do="download it again") from None
    found = []
    for name in names:
        folder = inside(frames, name, named_by=file)
        files = sorted(one.name for one in folder.glob("*.jpg"))
        if not files:
            raise FileError(folder, f"holds no frame of a clip that {file} lists", do="unpack it again")
        found.append((name, files))
    if not found:
        raise FileError(file, "lists no clip", do="download it again")
    return found
