"""A folder of video files, or one file: every video is a clip. Needs `dias-ocl[video]`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import SUFFIXES as PICTURES
from dias.data.samples import ClipSample, fingerprint_below
from dias.data.sources.contract import Use
from dias.data.sources.walking import visible_below
from dias.errors import FileError, SampleError

SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv",
    ".3gp", ".ogv",
)  # fmt: skip
_LISTERS = 8  # threads


@dataclass(frozen=True, kw_only=True, config=STRICT)
class VideoFilesConfig:
    """Settings of a folder of videos.

    Attributes:
        path: the folder, or one file.
    """

    kind: Literal["videos"] = "videos"
    path: str

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "VideoFilesConfig | None":
        """A video file; or a folder with videos in it or below and not one picture."""
        if path.is_dir():
            names = _names(path)
            found = False
            for name in names:
                if name.lower().endswith(PICTURES):
                    return None
                found = found or _is_video(name)
            return cls(path=str(path)) if found else None
        return cls(path=str(path)) if path.exists() and _is_video(path.name) else None

    def splits(self) -> tuple[str, ...]:
        """None."""
        return ()

    def build(self) -> "VideoFiles":
        """List the videos and count their frames.

        Raises:
            FileError: there is no such file or folder, or no video in it.
            DiasError: PyAV is not installed.
        """
        return VideoFiles(Path(self.path))


class VideoFiles:
    """Videos in a folder and the folders in it, ordered by name; hidden ones are left out.

    Frames are numbered in the order shown, whatever time lies between them, and turned upright. A file that
    is no video at all has length 1, so that reading it says what is wrong.
    """

    def __init__(self, path: Path) -> None:
        path = path.expanduser()
        if path.is_dir():
            self.folder, self.names = path, sorted(name for name in _names(path) if _is_video(name))
        elif path.exists():
            self.folder, self.names = path.parent, [path.name]
        else:
            raise FileError(path, "there is no such file or folder", do="check the path")
        if not self.names:
            kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
            raise FileError(path, f"holds no video (looked for {kinds}, in folders below too)")
        from dias.data.formats.video import OpenVideos  # only here: it needs an extra
        from dias.data.formats.video_file import count_frames

        self._videos = OpenVideos()

        def frames(name: str) -> int:
            try:
                return max(count_frames(self.folder / name), 1)
            except SampleError:
                return 1

        with ThreadPoolExecutor(_LISTERS) as pool:
            self._lengths = list(pool.map(frames, self.names))

    def __len__(self) -> int:
        return len(self.names)

    def length(self, index: int) -> int:
        """Number of frames of a video, as its container says."""
        return self._lengths[index]

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a video; or all, less those that are damaged.

        Raises:
            SampleError: the video cannot be opened, or a frame that was asked for cannot be decoded; of all
                frames, none.
        """
        numbers = range(self._lengths[index]) if frames is None else frames
        file = self.folder / self.names[index]
        found = self._videos.read(file, numbers, keep_sound=frames is None)
        return ClipSample(frames=np.stack(list(found.values())), name=self.names[index], numbers=tuple(found))

    def name(self, index: int) -> str:
        """Path of a video below the folder, with forward slashes."""
        return self.names[index]

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the video files."""
        return fingerprint_below(self.folder, self.names)


def _names(folder: Path) -> Iterator[str]:
    """Every file below a folder that is not hidden."""
    for here, files in visible_below(folder):
        for name in files:
            yield (here / name).relative_to(folder).as_posix()


def _is_video(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)
