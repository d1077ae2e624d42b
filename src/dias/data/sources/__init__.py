"""Data sets, each in one file. A new one adds its name to the union, and its mark to `config_for`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dias.data.samples import ImageSource
from dias.data.sources.image_folder import ImageFolder, ImageFolderConfig
from dias.data.sources.photos import Photos, PhotosConfig
from dias.data.sources.scenes import ScenesConfig

Source = Annotated[ImageFolderConfig | ScenesConfig | PhotosConfig, Field(discriminator="kind")]

__all__ = [
    "ImageFolder",
    "ImageFolderConfig",
    "Photos",
    "PhotosConfig",
    "ScenesConfig",
    "Source",
    "config_for",
    "open_source",
    "pictures_at",
]


def config_for(path: Path) -> ImageFolderConfig | ScenesConfig:
    """Settings of what lies at a path.

    Rendered scenes where there is a `scenes.json`, or will be; labelled pictures where there are `images/`
    and `masks/`; else all pictures in the folder and below.
    """
    path = path.expanduser()
    unfinished = path / "parts" / "settings.json"
    if (path / "scenes.json").exists() or unfinished.exists():
        return ScenesConfig(path=str(path))
    images, masks = path / "images", path / "masks"
    if images.is_dir() and masks.is_dir():
        return ImageFolderConfig(path=str(images), masks=str(masks))
    return ImageFolderConfig(path=str(path))


def open_source(path: Path | str) -> ImageSource:
    """Open rendered scenes, a folder of pictures, one picture, or (`photos`) the sample photos.

    Raises:
        DiasError: there is nothing at the path, or no picture in it.
    """
    path = Path(path)
    return PhotosConfig().build() if _means_photos(path) else config_for(path).build()


def pictures_at(path: Path | str) -> ImageSource:
    """Open what is to be segmented: as `open_source`, without looking for masks in a folder of pictures.

    Raises:
        DiasError: there is nothing at the path, or no picture in it.
    """
    path = Path(path)
    if _means_photos(path):
        return PhotosConfig().build()
    found = config_for(path)
    return replace(found, masks=None).build() if isinstance(found, ImageFolderConfig) else found.build()


def _means_photos(path: Path) -> bool:
    return path == Path("photos") and not path.exists()
