"""Pictures of a report: read from a folder, made small, put into the page itself."""

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from dias.data.images import FORMATS
from dias.errors import FileError

_WIDEST = 1120
_QUALITY = 86


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of the page: an image file and the line under it."""

    file: Path
    caption: str


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Pictures under one heading."""

    title: str
    about: str
    pictures: tuple[Picture, ...]


def photo_gallery(folder: Path, *, title: str, about: str) -> Gallery:
    """Every picture that `dias segment` left in a folder: comparisons if there are any, else overlays.

    Raises:
        FileError: the folder holds no PNG.
    """
    files = sorted(folder.rglob("*.png"))
    for ending in ("compare", "overlay"):
        chosen = [file for file in files if file.stem.endswith(ending) or file.parent.name.startswith(ending)]
        if chosen:
            files = chosen
            break
    if not files:
        raise FileError(folder, "holds no PNG picture", do="give a folder that `dias segment` wrote")
    pictures = tuple(Picture(file=file, caption=_plain_name(file)) for file in files)
    return Gallery(title=title, about=about, pictures=pictures)


def scene_galleries(folder: Path) -> tuple[Gallery, ...]:
    """The pictures that `dias eval --pictures` left: a choice of images, the best and the worst.

    Raises:
        FileError: the folder has no pictures.json, or it is damaged.
    """
    file = folder / "pictures.json"
    try:
        groups = json.loads(file.read_text(encoding="utf-8"))["groups"]
        return tuple(
            Gallery(
                title=group["title"],
                about=group["about"],
                pictures=tuple(
                    Picture(file=folder / one["file"], caption=one["caption"]) for one in group["pictures"]
                ),
            )
            for group in groups
        )
    except OSError as error:
        raise FileError(
            file, f"cannot be read ({error.strerror})", do="give a folder that `dias eval --pictures` wrote"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(
            file, f"is damaged ({error!r})", do="write it again with `dias eval --pictures`"
        ) from None


def data_url(file: Path) -> tuple[str, int, int]:
    """A picture as a data: address (lossy WebP, at most 1,120 pixels wide), and its width and height.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with Image.open(file, formats=FORMATS) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise FileError(file, f"is no readable picture ({error})") from None
    if picture.width > _WIDEST:
        height = max(round(picture.height * _WIDEST / picture.width), 1)
        picture = picture.resize((_WIDEST, height), Image.Resampling.LANCZOS)
    return as_data_url(picture), picture.width, picture.height


def as_data_url(picture: Image.Image) -> str:
    """A picture in memory as a data: address (lossy WebP)."""
    stream = io.BytesIO()
    picture.save(stream, format="WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _plain_name(file: Path) -> str:
    name = file.stem
    for ending in ("compare", "overlay"):
        name = name.removesuffix(ending).rstrip("-_. ")
    return name
