"""Rendered scenes, as `dias synth images` writes them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import read_image, read_mask
from dias.data.samples import ImageSample, fingerprint_of
from dias.data.sources.contract import Use
from dias.errors import DiasError, FileError, SampleError

_FORMAT = "dias-scenes-1"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScenesConfig:
    """A folder of rendered scenes."""

    kind: Literal["scenes"] = "scenes"
    path: str

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "ScenesConfig | None":
        """Where there is a `scenes.json`, or will be."""
        unfinished = path / "parts" / "settings.json"
        return cls(path=str(path)) if (path / "scenes.json").exists() or unfinished.exists() else None

    def splits(self) -> tuple[str, ...]:
        """None."""
        return ()

    def build(self) -> "Scenes":
        """Open the set.

        Raises:
            DiasError: it is missing, damaged or unfinished.
        """
        return Scenes(Path(self.path))


class Scenes:
    """Pictures with masks, boxes and classes of every object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = _read(folder)
        self.files = sorted((folder / "images").glob(f"*.{settings['format']}"))
        if len(self.files) != settings["count"]:
            raise DiasError(
                f"{folder}: has {len(self.files)} pictures, scenes.json says {settings['count']}; "
                "render the set anew"
            )
        self.objects = _objects(folder / "objects.jsonl", settings["count"])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> ImageSample:
        picture = self.picture(index)
        file = self.folder / "masks" / f"{self.files[index].stem}.png"
        mask = read_mask(file, size=picture.image.shape[:2])
        things = self.objects[index]
        if mask.max(initial=0) > len(things):
            raise SampleError(
                file, f"has segment {mask.max()}, objects.jsonl knows {len(things)}", do="render anew"
            )
        return replace(
            picture,
            mask=mask,
            boxes=np.array([thing["box"] for thing in things], dtype=np.float32).reshape(-1, 4),
            classes=np.array([thing["class"] for thing in things], dtype=np.int64),
        )

    def picture(self, index: int) -> ImageSample:
        """Read a picture alone."""
        return ImageSample(image=read_image(self.files[index]), name=self.name(index))

    def encoded(self, index: int) -> bytes:
        """The picture's file."""
        return self.files[index].read_bytes()

    def name(self, index: int) -> str:
        """File name of the picture."""
        return self.files[index].name

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the pictures."""
        return fingerprint_of((file.name, file.stat().st_size) for file in self.files)


def _read(folder: Path) -> dict[str, Any]:
    file = folder / "scenes.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if values["format"] != _FORMAT:
            raise FileError(
                file, f"has format {values['format']!r}, expected {_FORMAT!r}", do="render the set anew"
            )
        settings: dict[str, Any] = values["settings"]
        settings["format"], settings["count"] = str(settings["format"]), int(settings["count"])
    except FileNotFoundError:
        unfinished = (folder / "parts").exists()
        do = (
            "run the same `dias synth images` again to finish it"
            if unfinished
            else "is this a folder of scenes?"
        )
        raise FileError(file, "does not exist", do=do) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            file, f"is damaged ({type(error).__name__}: {error})", do="render the set anew"
        ) from None
    return settings


def _objects(file: Path, count: int) -> list[list[dict[str, Any]]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        objects = [json.loads(line)["objects"] for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            file, f"is damaged ({type(error).__name__}: {error})", do="render the set anew"
        ) from None
    if len(objects) != count:
        raise FileError(file, f"has {len(objects)} lines, expected {count}", do="render the set anew")
    return objects
