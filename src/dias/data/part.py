"""Part of a data set."""

from collections.abc import Sequence

from dias.data.frames import scene_of
from dias.data.samples import ImageSample, ImageSource, picture_of


class Part:
    """Some of a data set's pictures, as a data set."""

    def __init__(self, source: ImageSource, indices: Sequence[int]) -> None:
        self.source = source
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> ImageSample:
        return self.source[self.indices[index]]

    def picture(self, index: int) -> ImageSample:
        """Read a picture without its labels."""
        return picture_of(self.source, self.indices[index])

    def scene(self, index: int) -> int:
        """As in the whole data set."""
        return scene_of(self.source, self.indices[index])

    def name(self, index: int) -> str:
        """Name of a picture, without reading it."""
        return self.source.name(self.indices[index])

    def fingerprint(self) -> str:
        """That of the whole data set: a part is not a data set of its own on disk."""
        return self.source.fingerprint()
