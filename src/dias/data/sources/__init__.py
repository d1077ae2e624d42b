"""Data sets, each in one file. A new one adds its settings to the union and to the order of recognition."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dias.config import from_dict, to_dict, with_changes
from dias.data.frames import images_of
from dias.data.samples import ImageSource
from dias.data.sources.clevrer import Clevrer, ClevrerConfig
from dias.data.sources.clevrtex import ClevrTexConfig
from dias.data.sources.clips import Clips, ClipsConfig, Contact
from dias.data.sources.coco import CocoConfig
from dias.data.sources.contract import SourceConfig, Use
from dias.data.sources.davis import DavisConfig
from dias.data.sources.frame_folders import FrameFoldersConfig
from dias.data.sources.image_folder import ImageFolder, ImageFolderConfig
from dias.data.sources.movi import Movi, MoviConfig
from dias.data.sources.packed import Packed, PackedConfig
from dias.data.sources.photos import Photos, PhotosConfig
from dias.data.sources.scenes import ScenesConfig
from dias.data.sources.video_files import VideoFilesConfig
from dias.data.sources.voc import VocConfig
from dias.data.sources.ytvis import YtvisConfig
from dias.errors import DiasError, FileError

Source = Annotated[
    ImageFolderConfig
    | PackedConfig
    | PhotosConfig
    | ScenesConfig
    | ClipsConfig
    | ClevrTexConfig
    | ClevrerConfig
    | CocoConfig
    | VocConfig
    | MoviConfig
    | YtvisConfig
    | DavisConfig
    | FrameFoldersConfig
    | VideoFilesConfig,
    Field(discriminator="kind"),
]

# The first that finds its mark at a path has it: the general ones last.
_RECOGNISED: tuple[type[SourceConfig], ...] = (
    PhotosConfig,
    PackedConfig,
    ScenesConfig,
    ClipsConfig,
    ClevrTexConfig,
    ClevrerConfig,
    CocoConfig,
    VocConfig,
    MoviConfig,
    YtvisConfig,
    DavisConfig,
    FrameFoldersConfig,
    VideoFilesConfig,
    ImageFolderConfig,
)

__all__ = [
    "ClevrTexConfig",
    "Clevrer",
    "ClevrerConfig",
    "Clips",
    "ClipsConfig",
    "CocoConfig",
    "Contact",
    "DavisConfig",
    "FrameFoldersConfig",
    "ImageFolder",
    "ImageFolderConfig",
    "Movi",
    "MoviConfig",
    "Packed",
    "PackedConfig",
    "Photos",
    "PhotosConfig",
    "ScenesConfig",
    "Source",
    "SourceConfig",
    "Use",
    "VideoFilesConfig",
    "VocConfig",
    "YtvisConfig",
    "config_for",
    "open_source",
    "pictures_at",
]


def config_for(path: Path | str, *, use: Use, settings: Iterable[str] = ()) -> SourceConfig:
    """Settings of the data set that lies at a path.

    Args:
        path: its folder; or a picture or a video; or `photos` for the sample photos.
        use: chooses the split where the user does not.
        settings: `KEY=VALUE` changes, such as `split=val2017`; `kind=frames` where the folder's own marks do
            not say what it is.

    Raises:
        DiasError: there is nothing at the path, or a change names no setting of the data set.
    """
    path = Path(path).expanduser()
    changes = list(settings)
    chosen = with_changes({}, changes).get("kind")
    kinds = {_kind(one): one for one in _RECOGNISED}
    if chosen not in (None, *kinds):
        raise DiasError(f"{path}: there is no kind {chosen!r} of data set; there are {', '.join(kinds)}")
    for kind in _RECOGNISED if chosen is None else (kinds[chosen],):
        found = kind.at(path, use=use)
        if found is not None:
            return from_dict(type(found), with_changes(to_dict(found), changes), where=str(path))
    if chosen is None or not path.exists():
        raise FileError(path, "there is no such file or folder", do="check the path")
    return from_dict(kinds[chosen], with_changes({"path": str(path)}, changes), where=str(path))


def open_source(path: Path | str, *, use: Use = "evaluate", settings: Iterable[str] = ()) -> ImageSource:
    """Open the data set at a path, as images: of clips, their frames.

    Args:
        path: as `config_for` takes it.
        use: as `config_for` takes it.
        settings: as `config_for` takes them.

    Raises:
        DiasError: as `config_for`; or the samples cannot be listed.
    """
    return images_of(config_for(path, use=use, settings=settings).build())


def pictures_at(path: Path | str, *, settings: Iterable[str] = ()) -> ImageSource:
    """Open what is to be segmented: as `open_source`, without looking for masks in a folder of pictures.

    Raises:
        DiasError: as `open_source`.
    """
    found = config_for(path, use="evaluate", settings=settings)
    if isinstance(found, ImageFolderConfig | FrameFoldersConfig):
        found = replace(found, masks=None)
    return images_of(found.build())


def _kind(settings: type[SourceConfig]) -> str:
    return str(vars(settings)["kind"])
