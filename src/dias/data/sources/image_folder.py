"""Any folder of pictures, with or without masks; or one picture."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import SUFFIXES, read_image, read_mask
from dias.data.samples import ImageSample, fingerprint_below
from dias.data.sources.contract import Use
from dias.data.sources.walking import is_picture, visible_below
from dias.errors import FileError, SampleError
from dias.masks.boxes import boxes_from_labels


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImageFolderConfig:
    """Settings of a folder of pictures.

    Attributes:
        path: the folder, or one picture.
        masks: folder of masks: that of `a/b.jpg` is `a/b.png` in there; None: there are no masks.
    """

    kind: Literal["folder"] = "folder"
    path: str
    masks: str | None = None

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "ImageFolderConfig | None":
        """Labelled pictures where there are `images/` and `masks/`; else all in the folder and below."""
        images, masks = path / "images", path / "masks"
        if images.is_dir() and masks.is_dir():
            return cls(path=str(images), masks=str(masks))
        return cls(path=str(path)) if path.exists() else None

    def splits(self) -> tuple[str, ...]:
        """None."""
        return ()

    def build(self) -> "ImageFolder":
        """List the files.

        Raises:
            FileError: a folder does not exist, or holds no picture.
        """
        return ImageFolder(Path(self.path), masks=None if self.masks is None else Path(self.masks))


class ImageFolder:
    """Pictures in a folder and the folders in it, ordered by name; hidden ones are left out."""

    def __init__(self, path: Path, *, masks: Path | None = None) -> None:
        path = path.expanduser()
        self.masks = None if masks is None else masks.expanduser()
        if self.masks is not None and not self.masks.is_dir():
            raise FileError(self.masks, "there is no such folder of masks", do="check the path")
        if path.is_dir():
            self.folder, self.names = path, _pictures(path, without=self.masks)
        elif path.exists():
            self.folder, self.names = path.parent, [path.name]
        else:
            raise FileError(path, "there is no such file or folder", do="check the path")
        if not self.names:
            kinds = " ".join(suffix[1:] for suffix in SUFFIXES)
            raise FileError(path, f"holds no picture (looked for {kinds}, in folders below too)")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> ImageSample:
        """Read a picture, and its mask and boxes where the settings name a folder of masks.

        Raises:
            SampleError: the picture cannot be read, or its mask is missing, unreadable or of another size.
        """
        picture = self.picture(index)
        if self.masks is None:
            return picture
        name = self.names[index]
        file = (self.masks / name).with_suffix(".png")
        if not file.exists():
            raise SampleError(
                self.folder / name, f"has no mask: {file} does not exist", do="add it, or leave out masks"
            )
        height, width = picture.image.shape[:2]
        mask = read_mask(file, size=(height, width))
        return replace(picture, mask=mask, boxes=boxes_from_labels(mask, int(mask.max())))

    def picture(self, index: int) -> ImageSample:
        """Read a picture without its mask.

        Raises:
            SampleError: it cannot be read.
        """
        name = self.names[index]
        return ImageSample(image=read_image(self.folder / name), name=name)

    def encoded(self, index: int) -> bytes:
        """A picture's file."""
        return (self.folder / self.names[index]).read_bytes()

    def name(self, index: int) -> str:
        """Path of a picture below the folder, with forward slashes."""
        return self.names[index]

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the pictures; moving the folder or adding masks changes nothing."""
        return fingerprint_below(self.folder, self.names)


def _pictures(folder: Path, *, without: Path | None) -> list[str]:
    """Find pictures below a folder, but none in the folder of masks when that lies inside."""
    found = [
        (here / name).relative_to(folder).as_posix()
        for here, names in visible_below(folder, without=without)
        for name in filter(is_picture, names)
    ]
    return sorted(found)
