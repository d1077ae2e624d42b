"""A folder of folders of pictures, each of them the frames of a clip; with or without masks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import SUFFIXES, read_image, read_mask
from dias.data.samples import ClipSample
from dias.data.sources.contract import Use
from dias.data.sources.frame_files import FrameFiles
from dias.data.sources.walking import by_number, is_picture, visible_below
from dias.errors import FileError, SampleError
from dias.masks.boxes import boxes_from_labels


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FrameFoldersConfig:
    """Settings of a folder of clips.

    Attributes:
        path: every folder in it, at any depth, that holds pictures is a clip.
        masks: folder of masks: that of `a/b.jpg` is `a/b.png` in there; an object has one number in all
            frames of a clip. None: there are no masks.
    """

    kind: Literal["frames"] = "frames"
    path: str
    masks: str | None = None

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "FrameFoldersConfig | None":
        """Where a folder holds nothing but `clips/`, with folders of pictures in it, and perhaps `masks/`.

        Any other folder of folders of pictures may as well be a data set of images, one folder a class or a
        day, and is taken for that; `kind=frames` says otherwise.
        """
        clips, masks = path / "clips", path / "masks"
        if not clips.is_dir() or _visible(path) - {"clips", "masks"}:
            return None
        if any(file.is_file() for file in clips.iterdir() if not file.name.startswith(".")):
            return None
        if not any(is_picture(file) for _, files in visible_below(clips) for file in files):
            return None
        return cls(path=str(clips), masks=str(masks) if masks.is_dir() else None)

    def splits(self) -> tuple[str, ...]:
        """None."""
        return ()

    def build(self) -> "FrameFolders":
        """List the files.

        Raises:
            FileError: a folder does not exist, or holds no picture.
        """
        return FrameFolders(Path(self.path), masks=None if self.masks is None else Path(self.masks))


class FrameFolders(FrameFiles):
    """Clips and their frames in the order of the numbers in their names: `9.png` comes before `10.png`."""

    def __init__(self, path: Path, *, masks: Path | None = None) -> None:
        self.folder = path.expanduser()
        self.masks = None if masks is None else masks.expanduser()
        for folder in (self.folder, self.masks):
            if folder is not None and not folder.is_dir():
                raise FileError(folder, "there is no such folder", do="check the path")
        self.clips = _clips(self.folder, without=self.masks)
        if not self.clips:
            kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
            raise FileError(self.folder, f"holds no folder of frames (looked for {kinds})")

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a clip, or all, and their masks where the settings name a folder of masks.

        Raises:
            SampleError: a frame or its mask cannot be read or is missing, or is not of the first one's size.
        """
        places = range(self.length(index)) if frames is None else frames
        clip = self.pictures(index, places)
        if self.masks is None:
            return clip
        mask = np.stack([self._mask(path, clip.frames.shape[1:3]) for path in self._paths(index, places)])
        count = int(mask.max())
        return replace(clip, mask=mask, boxes=np.stack([boxes_from_labels(each, count) for each in mask]))

    def pictures(self, index: int, frames: Sequence[int]) -> ClipSample:
        """Read some frames of a clip without their masks.

        Raises:
            SampleError: a frame cannot be read, or is not of the first one's size.
        """
        paths = self._paths(index, frames)
        images = [read_image(path) for path in paths]
        size = images[0].shape[:2]
        for path, image in zip(paths, images, strict=True):
            if image.shape[:2] != size:
                raise SampleError(
                    path,
                    f"is {image.shape[:2]}, {paths[0].name} is {size} (height, width)",
                    do="give all frames of a clip one size",
                )
        return ClipSample(frames=np.stack(images), name=self.name(index), numbers=tuple(frames))

    def _paths(self, index: int, frames: Sequence[int]) -> list[Path]:
        return [self.frame_file(index, place) for place in frames]

    def _mask(self, frame: Path, size: tuple[int, int]) -> np.ndarray:
        assert self.masks is not None
        file = (self.masks / frame.relative_to(self.folder)).with_suffix(".png")
        if not file.exists():
            raise SampleError(frame, f"has no mask: {file} does not exist", do="add it, or leave out masks")
        return read_mask(file, size=size, seen_on=frame)


def _clips(folder: Path, *, without: Path | None) -> list[tuple[str, list[str]]]:
    """Clips below a folder and their frames, but none in the folder of masks when that lies inside."""
    found = []
    for here, files in visible_below(folder, without=without):
        frames = sorted(filter(is_picture, files), key=by_number)
        if frames and here != folder:
            found.append((here.relative_to(folder).as_posix(), frames))
    return sorted(found, key=lambda clip: by_number(clip[0]))


def _visible(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if not file.name.startswith(".")}
