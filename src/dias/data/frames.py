"""A data set of clips as one of images: every frame of every clip."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby

from dias.data.samples import (
    ClipPictures,
    ClipSource,
    EncodedFrames,
    ImageSample,
    ImageSource,
    Scenes,
    Unlabelled,
    class_names_of,
)


class ClipFrames:
    """Every frame of every clip as an image, clip after clip.

    Attributes:
        clips: where the frames come from.
    """

    def __init__(self, clips: ClipSource) -> None:
        self.clips = clips
        self._starts = [0, *accumulate(clips.length(index) for index in range(len(clips)))]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> ImageSample:
        """Read one frame.

        Raises:
            SampleError: names the file that cannot be read.
        """
        clip, frame = self.place(index)
        return self.clips.read(clip, [frame]).frame(0)

    def picture(self, index: int) -> ImageSample:
        """Read one frame without its labels; with them where the clips cannot leave them unread.

        Raises:
            SampleError: names the file that cannot be read.
        """
        clip, number = self.place(index)
        if isinstance(self.clips, ClipPictures):
            return self.clips.pictures(clip, [number]).frame(0)
        frame = self[index]
        return ImageSample(image=frame.image, name=frame.name)

    def scene(self, index: int) -> int:
        """Number of the clip."""
        return self.place(index)[0]

    def encoded(self, index: int) -> bytes | None:
        """A frame's file, where the clips have one."""
        return self.clips.encoded(*self.place(index)) if isinstance(self.clips, EncodedFrames) else None

    def without_masks(self) -> str | None:
        """Why the clips have no masks, where they tell."""
        return self.clips.without_masks() if isinstance(self.clips, Unlabelled) else None

    def class_names(self) -> Mapping[int, str]:
        """Those of the clips, where they tell."""
        return class_names_of(self.clips)

    def place(self, index: int) -> tuple[int, int]:
        """Clip, and place of the frame in it."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        clip = bisect_right(self._starts, index) - 1
        return clip, index - self._starts[clip]

    def name(self, index: int) -> str:
        """`CLIP/FRAME`."""
        clip, frame = self.place(index)
        return f"{self.clips.name(clip)}/{frame:05d}"

    def fingerprint(self) -> str:
        """That of the clips."""
        return self.clips.fingerprint()


def scene_of(source: ImageSource, index: int) -> int:
    """Number that says which random views an image has: frames of one clip share theirs, other images do not.

    So whatever was computed of a view of single frames serves that view of their clip.
    """
    return source.scene(index) if isinstance(source, Scenes) else index


def scenes_of(source: ImageSource) -> list[Sequence[int]]:
    """Places of the images of each scene: of each clip its frames, of other data sets each image alone."""
    if not isinstance(source, Scenes):
        return [(index,) for index in range(len(source))]
    return [tuple(places) for _, places in groupby(range(len(source)), key=source.scene)]


def images_of(source: ImageSource | ClipSource) -> ImageSource:
    """The source itself, or the frames of its clips."""
    return ClipFrames(source) if isinstance(source, ClipSource) else source
