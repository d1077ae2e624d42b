"""Data sets, each in one file. A new one adds its name to the union, and its mark to `config_for`."""

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
    """Settings of what lies at a path: rendered scenes where there is a `scenes.json`, else pictures."""
    path = path.expanduser()
    if (path / "scenes.json").exists():
        return ScenesConfig(path=str(path))
    return ImageFolderConfig(path=str(path))


def open_source(path: Path | str) -> ImageSource:
    """Open rendered scenes, a folder of pictures, one picture, or (`photos`) the sample photos.

    Raises:
        DiasError: there is nothing at the path, or no picture in it.
    """
    path = Path(path)
    if path == Path("photos") and not path.exists():
        return PhotosConfig().build()
    return config_for(path).build()


def pictures_at(path: Path | str) -> ImageSource:
    """Open what is to be segmented: as `open_source`, without looking for masks in a folder of pictures.

    Raises:
        DiasError: there is nothing at the path, or no picture in it.
    """
    return open_source(path)
