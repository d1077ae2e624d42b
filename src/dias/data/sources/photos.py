"""Photos of real life that come inside the wheels of scikit-image and scikit-learn: no download."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import read_image
from dias.data.samples import ImageSample, fingerprint_of
from dias.data.sources.contract import Use
from dias.errors import DiasError, how_to_install

# Colour photos only; scikit-image's others are grey, microscopy, or fetched from the network at first use.
_PHOTOS = {
    "skimage": ("data", ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")),
    "sklearn": ("datasets/images", ("china.jpg", "flower.jpg")),
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PhotosConfig:
    """The sample photos; there is nothing to set."""

    kind: Literal["photos"] = "photos"

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "PhotosConfig | None":
        """The word `photos`, where no file or folder has that name."""
        return cls() if path == Path("photos") and not path.exists() else None

    def splits(self) -> tuple[str, ...]:
        """None."""
        return ()

    def build(self) -> "Photos":
        """Find the files.

        Raises:
            DiasError: a library that ships photos is not installed.
        """
        return Photos()


class Photos:
    """Seven colour photos: a person, a cat, a cup, a motorcycle, a rocket, a temple, a flower. No masks."""

    def __init__(self) -> None:
        self.files = [file for library in _PHOTOS for file in _files(library)]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> ImageSample:
        return ImageSample(image=read_image(self.files[index]), name=self.name(index))

    def encoded(self, index: int) -> bytes:
        """A photo's file."""
        return self.files[index].read_bytes()

    def name(self, index: int) -> str:
        """File name of a photo, such as `coffee.png`."""
        return self.files[index].name

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the photos."""
        return fingerprint_of((file.name, file.stat().st_size) for file in self.files)


def _files(library: str) -> list[Path]:
    spec = find_spec(library)  # finds the folder without importing the library
    if spec is None or not spec.submodule_search_locations:
        raise DiasError(
            f"photos: {library} is not installed; run: {how_to_install('compare')}, or name a folder"
        )
    folder, names = _PHOTOS[library]
    files = [Path(spec.submodule_search_locations[0]) / folder / name for name in names]
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        raise DiasError(f"photos: {library} came without {missing[0]}; reinstall it, or name a folder")
    return files
