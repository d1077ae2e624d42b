"""A folder of pictures as the frames of one clip."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dias.data.images import read_image
from dias.data.sources.walking import by_number, is_picture, visible_below
from dias.data.streams.frame import Picture, StreamFrame
from dias.errors import FileError, SampleError


class FolderStream:
    """A `FrameStream`: pictures in the order of the numbers in their names, scaled to the first one's size.

    Args:
        folder: they lie in it, not in folders below.
        rate: frames a second.
        start: seconds that are left out.

    Raises:
        FileError: there is no picture in the folder.
    """

    live = False

    def __init__(self, folder: Path, *, rate: float, start: float = 0.0) -> None:
        _, names = next(visible_below(folder))
        files = [folder / name for name in sorted(filter(is_picture, names), key=by_number)]
        if not files:
            raise FileError(
                folder,
                "holds no picture",
                do="give a video, or the folder of one clip whose frames lie in it, not in folders below",
            )
        self.name = str(folder)
        self.rate: float | None = rate
        self._files = [
            (number / rate, file) for number, file in enumerate(files) if number / rate >= start - 1e-9
        ]
        if not self._files:
            raise FileError(folder, f"is over before second {start:g}", do="give an earlier --start")
        self.expected: int | None = len(self._files)
        self._size: tuple[int, int] | None = None
        self._scaled = 0

    def __iter__(self) -> Iterator[StreamFrame]:
        for number, (time, file) in enumerate(self._files):
            yield StreamFrame(number, time, partial(self._read, file))

    def faults(self) -> list[str]:
        """Frames of another size; those that cannot be read are said by whoever reads them."""
        if not self._scaled or self._size is None:
            return []
        width, height = self._size
        return [f"{self._scaled} frames of another size were scaled to {width} x {height}"]

    def _read(self, file: Path) -> Picture:
        try:
            image = read_image(file)
        except OSError as error:
            raise SampleError(file, f"cannot be read ({error.strerror})") from None
        size = image.shape[1], image.shape[0]
        if self._size is None:
            self._size = size
        if size == self._size:
            return image
        self._scaled += 1
        return np.asarray(Image.fromarray(image).resize(self._size, Image.Resampling.BILINEAR))
