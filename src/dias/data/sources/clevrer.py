"""CLEVRER (clevrer.csail.mit.edu): videos of colliding objects, with annotations and questions.

Videos and annotations lie as the archives unpack (`video_train/video_00000-01000/video_00000.mp4`), with or
without the folders of a thousand, or sorted as SlotFormer's (`videos/train/...`). Masks, where there are any,
are those of `derender_proposals/`: of the published set a network's, of rendered ones exact.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int32
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.clevrer.layout import SPLITS, found_questions, places, proposals_file
from dias.data.clevrer.log import EventLog, log_of
from dias.data.clevrer.proposals import ProposalFrame, read_proposals
from dias.data.clevrer.values import SHAPES, Annotation, Question, Split, read_annotation, read_questions
from dias.data.formats.coco_mask import decode
from dias.data.samples import ClipSample, fingerprint_below
from dias.data.sources.contract import Use
from dias.errors import FileError, SampleError
from dias.masks.boxes import boxes_from_labels

_NUMBER = re.compile(r"_(\d+)\.(?:mp4|json)$")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClevrerConfig:
    """A folder that CLEVRER's archives were unpacked into, or that `dias synth clevrer` made.

    Attributes:
        path: holds `video_train`, `annotation_train`, `train.json`, and so on.
        split: `test` has no published annotations, and questions without answers.
    """

    kind: Literal["clevrer"] = "clevrer"
    path: str
    split: Literal["train", "validation", "test"] = "train"

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "ClevrerConfig | None":
        """Where there are videos of a split; the first that is there where the wanted one is missing."""
        wanted: Split = "train" if use == "train" else "validation"
        there = cls(path=str(path)).splits()
        return cls(path=str(path), split=wanted if wanted in there else there[0]) if there else None

    def splits(self) -> tuple[Split, ...]:
        """Those with videos."""
        return tuple(split for split in SPLITS if _files(self._folder(), "video", split))

    def build(self) -> "Clevrer":
        """List the videos.

        Raises:
            FileError: there are none of the split.
            DiasError: PyAV is not installed.
        """
        return Clevrer(self._folder(), self.split)

    def _folder(self) -> Path:
        return Path(self.path).expanduser()


class Clevrer:
    """Videos of a split, ordered by number. Object i of an annotation is segment i + 1 and track i.

    Classes are shapes: places in `dias.data.clevrer.SHAPES`. Masks, boxes, classes and tracks are None where
    there are no proposals or no annotations.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        self.folder, self.split = folder, split
        self._videos = _files(folder, "video", split)
        if not self._videos:
            looked = ", ".join(str(place.relative_to(folder)) for place in places(folder, "video", split))
            raise FileError(folder, f"has no videos of {split} (looked for {looked})", do="check the path")
        self._annotations = {_scene(file): file for file in _files(folder, "annotation", split)}
        self.scenes = tuple(_scene(file) for file in self._videos)
        from dias.data.formats.video import OpenVideos  # only here: it needs an extra

        self._open = OpenVideos()

    def __len__(self) -> int:
        return len(self._videos)

    def length(self, index: int) -> int:
        """Number of frames of a video, as its container says; 1 of a file that is none: reading says so."""
        from dias.data.formats.video_file import count_frames

        try:
            return max(count_frames(self._videos[index]), 1)
        except SampleError:
            return 1

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        """Read some frames of a video, or all, with their masks.

        Raises:
            SampleError: the video cannot be opened, or a frame cannot be decoded; or the segments do not fit.
            FileError: annotation or segments are damaged.
        """
        clip = self.pictures(index, range(self.length(index)) if frames is None else frames)
        proposals = proposals_file(self.folder, self.scenes[index])
        if self.scenes[index] not in self._annotations or not proposals.is_file():
            return clip
        annotation = self.annotation(index)
        by_frame = {frame.frame_index: frame for frame in read_proposals(proposals).frames}
        masks = []
        for number in clip.numbers:
            if number not in by_frame:
                raise SampleError(proposals, f"has no segments of frame {number}", do="download it again")
            masks.append(_mask(by_frame[number], annotation, clip.frames.shape[1:3], proposals))
        count = len(annotation.object_property)
        return replace(
            clip,
            mask=np.stack(masks),
            boxes=np.stack([boxes_from_labels(mask, count) for mask in masks]),
            classes=np.array([SHAPES.index(thing.shape) for thing in annotation.object_property]),
            tracks=np.arange(count),
        )

    def pictures(self, index: int, frames: Sequence[int]) -> ClipSample:
        """Read some frames of a video without their masks.

        Raises:
            SampleError: as `read`.
        """
        found = self._open.read(self._videos[index], frames)
        return ClipSample(frames=np.stack(list(found.values())), name=self.name(index), numbers=tuple(found))

    def name(self, index: int) -> str:
        """Such as `video_00000`."""
        return self._videos[index].stem

    def class_names(self) -> Mapping[int, str]:
        """The shapes."""
        return dict(enumerate(SHAPES))

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the split's videos."""
        return fingerprint_below(self.folder, (str(file.relative_to(self.folder)) for file in self._videos))

    def without_masks(self) -> str | None:
        """Where there is not one file of segments."""
        if any(proposals_file(self.folder, scene).is_file() for scene in self.scenes):
            return None
        return (
            f"{self.folder}: has no derender_proposals/ for {self.split}, so it cannot be measured; unpack "
            "derender_proposals.zip there, or render a set with `dias synth clevrer`"
        )

    def annotation(self, index: int) -> Annotation:
        """What is known of a video.

        Raises:
            FileError: its annotation is missing (as those of test are) or damaged; says where.
        """
        file = self._annotations.get(self.scenes[index])
        if file is None:
            looked = places(self.folder, "annotation", self.split)[0]
            raise FileError(looked, f"has no annotation_{self.scenes[index]:05d}.json", do="unpack it there")
        found = read_annotation(file)
        if found.scene_index != self.scenes[index]:
            raise FileError(
                file, f"is of scene {found.scene_index}, by its name of {self.scenes[index]}",
                do="download it again",
            )  # fmt: skip
        return found

    def log(self, index: int) -> EventLog:
        """What happens in a video; programs of questions run on it.

        Raises:
            FileError: as `annotation`.
        """
        return log_of(self.annotation(index))

    def questions(self, index: int) -> tuple[Question, ...]:
        """The questions about a video; none where the file has none of it.

        Raises:
            FileError: the split's file of questions is missing or damaged; says where.
        """
        return self._asked.get(self.scenes[index], ())

    @cached_property
    def _asked(self) -> dict[int, tuple[Question, ...]]:
        file = found_questions(self.folder, self.split)
        if file is None:
            raise FileError(self.folder / f"{self.split}.json", "does not exist", do="download the questions")
        return {video.scene_index: video.questions for video in read_questions(file)}


def _files(folder: Path, part: str, split: Split) -> list[Path]:
    """Videos or annotations of a split, by number; of the first of its places that has some."""
    suffix = "mp4" if part == "video" else "json"
    for place in places(folder, part, split):
        found = [
            file
            for pattern in (f"{part}_*.{suffix}", f"{part}_*/{part}_*.{suffix}")
            for file in place.glob(pattern)
            if _NUMBER.search(file.name)
        ]
        if found:
            return sorted(found, key=_scene)
    return []


def _scene(file: Path) -> int:
    found = _NUMBER.search(file.name)
    assert found is not None
    return int(found[1])


def _mask(
    frame: ProposalFrame, annotation: Annotation, size: tuple[int, ...], file: Path
) -> Int32[np.ndarray, "h w"]:
    """Segments by what they look like; what no object of the video looks like is left out."""
    height, width = size
    numbers = {
        (thing.color, thing.material, thing.shape): thing.object_id + 1
        for thing in annotation.object_property
    }
    mask = np.zeros((height, width), dtype=np.int32)
    for place, proposal in sorted(enumerate(frame.objects), key=lambda one: one[1].score):
        number = numbers.get((proposal.color, proposal.material, proposal.shape))
        if number is None:
            continue
        try:
            mask[decode(proposal.mask, size=(height, width))] = number
        except ValueError as error:
            raise SampleError(
                file, f"frames[{frame.frame_index}].objects[{place}].mask: {error}", do="download it again"
            ) from None
    return mask
