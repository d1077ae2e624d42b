"""YouTube-VIS 2019, 2021 and 2022 (youtube-vos.org), and HQ (vis.xyz/data/hqvis): clips with tracks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from jaxtyping import Int32, UInt8
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.formats.coco_mask import Region, RunLengths, decode
from dias.data.formats.json_file import read_json
from dias.data.images import read_image
from dias.data.inside import inside
from dias.data.samples import ClipSample, fingerprint_below
from dias.data.sources.contract import Use
from dias.errors import FileError, SampleError
from dias.masks.boxes import boxes_from_labels

Split = Literal["train", "valid", "test"]
Edition = Literal["2019", "2021", "2022", "hq"]
Side = Annotated[int, msgspec.Meta(gt=0, le=20_000)]
Id = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Class = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]

_SPLITS: tuple[Split, ...] = ("train", "valid", "test")
# Where the editions keep the annotations of a split, below its folder or beside it. 2022 publishes the truth
# of valid and test (gt) beside the challenge's files, which have none: truth first.
_ANNOTATIONS = ("{0}/gt.json", "{0}/{0}_gt.json", "{0}/instances.json", "{0}.json", "annotations/{0}.json")
_HQ = {"train": "ytvis_hq-train.json", "valid": "ytvis_hq-val.json", "test": "ytvis_hq-test.json"}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class YtvisConfig:
    """A folder that the archives of an edition were unpacked into.

    Attributes:
        path: holds `train/JPEGImages`, and so on.
        split: valid and test of 2019 and 2021 have no published annotations, hence no masks.
        hq: the finer masks of HQ-YTVIS, from `ytvis_hq-*.json` in the folder of 2019; its three splits are
            parts of the training clips of 2019.
    """

    kind: Literal["ytvis"] = "ytvis"
    path: str
    split: Split = "train"
    hq: bool = False

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "YtvisConfig | None":
        """Where there are frames and annotations of a split; HQ where there are no other annotations.

        `train` to train, `valid` to evaluate; the first that is there where that is missing.
        """
        wanted: Split = "train" if use == "train" else "valid"
        for hq in (False, True):
            there = cls(path=str(path), hq=hq).splits()
            if there:
                return cls(path=str(path), split=wanted if wanted in there else there[0], hq=hq)
        return None

    def splits(self) -> tuple[Split, ...]:
        """Those with frames and a file of annotations."""
        return tuple(split for split in _SPLITS if self._file(split) and self._frames(split).is_dir())

    def build(self) -> "Ytvis":
        """List the clips.

        Raises:
            FileError: the split is not there, or its annotations are damaged.
        """
        file = self._file(self.split)
        if file is None:
            looked = ", ".join(self._names(self.split))
            raise FileError(self._folder(), f"has no annotations of {self.split} (looked for {looked})")
        return Ytvis(self._frames(self.split), file)

    def _file(self, split: Split) -> Path | None:
        files = (self._folder() / name for name in self._names(split))
        return next((file for file in files if file.is_file()), None)

    def _names(self, split: Split) -> list[str]:
        return [_HQ[split]] if self.hq else [name.format(split) for name in _ANNOTATIONS]

    def _frames(self, split: Split) -> Path:
        return self._folder() / ("train" if self.hq else split) / "JPEGImages"

    def _folder(self) -> Path:
        return Path(self.path).expanduser()


class Ytvis:
    """Clips whose frames are the annotated ones, every fifth of a video; objects in the file's order.

    Where masks overlap, the later track lies over the earlier. Boxes are around what is left of each mask.
    Masks, boxes, classes and tracks are None where the file holds no annotation at all.

    Attributes:
        classes: name of each class number.
    """

    def __init__(self, frames: Path, file: Path) -> None:
        self.folder, self.file = frames, file
        content = read_json(file, _File)
        self.classes = {category.id: category.name for category in content.categories}
        self._videos = content.videos
        self._names = _names(content.videos)
        for video in content.videos:
            for name in video.file_names:
                inside(frames, name, named_by=file)
        self._tracks = _by_video(content, file) if content.annotations else None

    def class_names(self) -> dict[int, str]:
        """Of the categories."""
        return self.classes

    def __len__(self) -> int:
        return len(self._videos)

    @property
    def edition(self) -> Edition | None:
        """Which one it is, by file and classes; the training part of 2022 is that of 2021. None: another."""
        names = set(self.classes.values())
        if self.file.name in _HQ.values():
            return "hq"
        if "eagle" in names:  # 2021 merged it into bird
            return "2019"
        if "squirrel" in names:  # new in 2021
            return "2022" if self.file.name in ("gt.json", "test_gt.json") else "2021"
        return None

    def length(self, index: int) -> int:
        """Number of annotated frames."""
        return len(self._videos[index].file_names)

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a clip, or all, with their masks.

        Raises:
            SampleError: a frame cannot be read, or an annotation does not fit it.
        """
        clip = self.pictures(index, range(self.length(index)) if frames is None else frames)
        video = self._videos[index]
        return clip if self._tracks is None else self._labelled(clip, video, self._tracks.get(video.id, []))

    def pictures(self, index: int, frames: Sequence[int]) -> ClipSample:
        """Read some frames of a clip without their masks.

        Raises:
            SampleError: a frame cannot be read, or is not of the size that the file says.
        """
        video = self._videos[index]
        if not len(frames):
            raise SampleError(self.file, f"names no frame of video {self.name(index)}", do="leave it out")
        return ClipSample(
            frames=np.stack([self._frame(video, place) for place in frames]),
            name=self.name(index),
            numbers=tuple(frames),
        )

    def name(self, index: int) -> str:
        """Folder of a clip's frames, such as `0043f083b5`."""
        return self._names[index]

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the frames that the annotations name."""
        names = {name for video in self._videos for name in video.file_names}
        return fingerprint_below(self.folder, names)

    def without_masks(self) -> str | None:
        """Where the file holds no annotation at all."""
        if self._tracks is not None:
            return None
        return (
            f"{self.file}: holds no annotations (of valid and test only 2022 has published ones), "
            "so it cannot be measured; take split=train, or hq=true with HQ's files"
        )

    def encoded(self, index: int, frame: int) -> bytes:
        """The JPEG of a frame."""
        return (self.folder / self._videos[index].file_names[frame]).read_bytes()

    def _frame(self, video: "_Video", place: int) -> UInt8[np.ndarray, "h w 3"]:
        file = self.folder / video.file_names[place]
        image = read_image(file, upright=False)
        if image.shape[:2] != (video.height, video.width):
            found, expected = image.shape[:2], (video.height, video.width)
            raise SampleError(
                file, f"is {found}, {self.file.name} says {expected} (height, width)", do="download it again"
            )
        return image

    def _labelled(self, clip: ClipSample, video: "_Video", tracks: "list[_Track]") -> ClipSample:
        masks = [self._mask(video, tracks, place) for place in clip.numbers]
        return replace(
            clip,
            mask=np.stack(masks),
            boxes=np.stack([boxes_from_labels(mask, len(tracks)) for mask in masks]),
            classes=np.array([track.category_id for track in tracks], dtype=np.int64),
            tracks=np.array([track.id for track in tracks], dtype=np.int64),
        )

    def _mask(self, video: "_Video", tracks: "list[_Track]", place: int) -> Int32[np.ndarray, "h w"]:
        mask = np.zeros((video.height, video.width), dtype=np.int32)
        for number, track in enumerate(tracks, start=1):
            try:
                if len(track.segmentations) != len(video.file_names):
                    masks, frames = len(track.segmentations), len(video.file_names)
                    raise ValueError(f"{masks} masks for {frames} frames")
                region = msgspec.json.decode(track.segmentations[place], type=Region | None)
                if region is None or (isinstance(region, RunLengths) and not region.counts):
                    continue
                mask[decode(region, size=(video.height, video.width))] = number
            except ValueError as error:  # msgspec's errors are such
                raise SampleError(
                    self.file,
                    f"annotation {track.id} of video {video.id}, frame {place}: {error}",
                    do="download it again",
                ) from None
        return mask


class _Video(msgspec.Struct):
    id: Id
    height: Side
    width: Side
    file_names: list[str]


class _Track(msgspec.Struct):
    id: Id
    video_id: Id
    category_id: Class
    segmentations: list[msgspec.Raw]  # run lengths or null for each frame; decoded when read


class _Category(msgspec.Struct):
    id: Class
    name: str


class _File(msgspec.Struct):
    videos: list[_Video]
    categories: list[_Category] = []
    annotations: list[_Track] | None = None


def _names(videos: list[_Video]) -> list[str]:
    """Folder of each clip's frames; with its number where that is missing or another's too."""
    folders = [video.file_names[0].rpartition("/")[0] if video.file_names else "" for video in videos]
    often = Counter(folders)
    return [
        folder if folder and often[folder] == 1 else f"{folder}#{video.id}"
        for folder, video in zip(folders, videos, strict=True)
    ]


def _by_video(content: _File, file: Path) -> dict[int, list[_Track]]:
    found: dict[int, list[_Track]] = {video.id: [] for video in content.videos}
    if len(found) < len(content.videos):
        often = Counter(video.id for video in content.videos)
        twice = next(number for number in often if often[number] > 1)
        raise FileError(file, f"lists video {twice} more than once", do="download it again")
    for track in content.annotations or []:
        if track.video_id not in found:
            raise FileError(
                file,
                f"annotation {track.id} is of video {track.video_id}, which is not listed",
                do="download it again",
            )
        found[track.video_id].append(track)
    return found
