"""Rendered scenes, as `dias synth images` writes them."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.formats.json_file import parse_json
from dias.data.images import read_image, read_mask
from dias.data.samples import ImageSample, fingerprint_of
from dias.data.sources.contract import Use
from dias.data.sources.rendered import MEND, THINGS, check_segments, read_classes, read_lines, read_settings
from dias.data.synthetic.textures import STANDARD, UNSEEN
from dias.errors import DiasError, FileError

_PATTERNS = STANDARD + UNSEEN  # an object's class is its place here
_FORMAT = "dias-scenes-1"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScenesConfig:
    """A folder of rendered scenes.

    Attributes:
        path: the folder.
        label: what the class of an object is; None: its shape.
    """

    kind: Literal["scenes"] = "scenes"
    path: str
    label: Literal["shape", "pattern"] | None = None

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
        return Scenes(Path(self.path), label=self.label or "shape")


class Scenes:
    """Pictures with masks, boxes and classes of every object."""

    def __init__(self, folder: Path, *, label: Literal["shape", "pattern"] = "shape") -> None:
        self.folder, self.label = folder, label
        settings = read_settings(
            folder / "scenes.json", _Settings, format=_FORMAT, verb="images", what="scenes"
        )
        self.files = sorted((folder / "images").glob(f"*.{settings.format}"))
        if len(self.files) != settings.count:
            raise DiasError(
                f"{folder}: has {len(self.files)} pictures, scenes.json says {settings.count}; {MEND}"
            )
        self.objects = [
            parse_json(line, _Scene, named=f"{folder / THINGS}, line {number}", do=MEND).objects
            for number, line in enumerate(read_lines(folder, settings.count), start=1)
        ]
        if label == "pattern":
            self._check_patterns()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> ImageSample:
        picture = self.picture(index)
        file = self.folder / "masks" / f"{self.files[index].stem}.png"
        mask = read_mask(file, size=picture.image.shape[:2])
        things = self.objects[index]
        check_segments(mask, file, things=len(things))
        return replace(
            picture,
            mask=mask,
            boxes=np.array([thing.box for thing in things], dtype=np.float32).reshape(-1, 4),
            classes=np.array([self._class(thing) for thing in things], dtype=np.int64),
        )

    def class_names(self) -> dict[int, str]:
        """Shapes, as the folder names them; or patterns."""
        if self.label == "pattern":
            return dict(enumerate(_PATTERNS))
        return read_classes(self.folder / "scenes.json")

    def picture(self, index: int) -> ImageSample:
        """Read a picture alone."""
        return ImageSample(image=read_image(self.files[index], upright=False), name=self.name(index))

    def encoded(self, index: int) -> bytes:
        """The picture's file."""
        return self.files[index].read_bytes()

    def name(self, index: int) -> str:
        """File name of the picture."""
        return self.files[index].name

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the pictures."""
        return fingerprint_of((file.name, file.stat().st_size) for file in self.files)

    def _class(self, thing: "_Thing") -> int:
        return thing.number if self.label == "shape" else _PATTERNS.index(thing.pattern)

    def _check_patterns(self) -> None:
        for number, things in enumerate(self.objects, start=1):
            for thing in things:
                if thing.pattern not in _PATTERNS:
                    raise FileError(
                        f"{self.folder / THINGS}, line {number}",
                        f"an object's pattern is {thing.pattern!r}, expected one of {', '.join(_PATTERNS)}",
                        do="leave out label=pattern, or " + MEND,
                    )


class _Settings(msgspec.Struct):
    format: Literal["png", "webp", "jpg"]
    count: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Thing(msgspec.Struct):
    box: tuple[_Share, _Share, _Share, _Share]
    number: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = msgspec.field(name="class")
    pattern: str = ""


class _Scene(msgspec.Struct):
    objects: list[_Thing]
