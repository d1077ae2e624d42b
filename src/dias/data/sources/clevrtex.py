"""ClevrTex: rendered scenes of textured objects (robots.ox.ac.uk/~vgg/data/clevrtex)."""

import os
import re
from pathlib import Path
from typing import Literal, get_args

import msgspec
import numpy as np
from jaxtyping import Int32, Int64
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.formats.json_file import read_json
from dias.data.images import read_colours, read_image, read_shades
from dias.data.samples import ImageSample, fingerprint_below
from dias.data.sources.contract import Use
from dias.errors import FileError, SampleError, SettingError
from dias.masks.boxes import boxes_from_labels

Variant = Literal["full", "outd", "camo", "grassbg", "pbg", "vbg"]
Split = Literal["train", "val", "test", "all"]

VARIANTS: tuple[Variant, ...] = get_args(Variant)
# Scenes of a variant as published.
SCENES: dict[Variant, int] = {
    "full": 50_000, "outd": 10_000, "camo": 20_000, "grassbg": 20_000, "pbg": 20_000, "vbg": 20_000,
}  # fmt: skip
# From which tenth to which, in the order of the scenes' numbers.
_TENTHS: dict[Split, tuple[int, int | None]] = {
    "test": (0, 1),
    "val": (1, 2),
    "train": (2, None),
    "all": (0, None),
}
_SCENE = re.compile(r"CLEVRTEX_([a-z]+)_(\d{6})\.png")
_MOST_COLOURS = 255
# Those of all variants (shapes in the generator's data/*.json); the number of a class is its place here.
SHAPES = ("cone", "cube", "cylinder", "icosahedron", "monkey", "sphere", "teapot", "torus")
# Which object of the JSON has which colour in the mask, from 1 (the generator's img_utils.py).
_PALETTE = (
    (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0), (141, 211, 199), (255, 255, 179), (190, 186, 218),
    (251, 128, 114), (128, 177, 211), (253, 180, 98), (179, 222, 105), (252, 205, 229), (217, 217, 217),
)  # fmt: skip
_INDICES = {r + 256 * g + 65_536 * b: index for index, (r, g, b) in enumerate(_PALETTE, start=1)}


class _Object(msgspec.Struct):
    index: int
    shape: str


class _Scene(msgspec.Struct):
    objects: list[_Object]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClevrTexConfig:
    """Settings of ClevrTex, as its archives unpack.

    Attributes:
        path: the folder of a variant (`clevrtex_full`, with the folders 0, 1, ... in it), or the one that
            holds several of those.
        variant: full is trained on; outd (objects and materials never seen in it) and camo (objects of the
            ground's material) are tested on; grassbg, pbg and vbg have a plainer look.
        split: as the authors' loader: of the scenes in the order of their numbers the first tenth is test,
            the second val, the rest train. The reference of DIAS trains on `all` of full and measures on
            `all` of outd, which has no splits.
        depth: read the depth maps too.
    """

    kind: Literal["clevrtex"] = "clevrtex"
    path: str
    variant: Variant = "full"
    split: Split = "train"
    depth: bool = False

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "ClevrTexConfig | None":
        """Where scenes lie, or folders of variants; of several variants, the first of the list above."""
        found = next((variant for variant in VARIANTS if _variant_in(path / f"clevrtex_{variant}")), None)
        variant = found or _variant_in(path)
        if variant is None:
            return None
        wanted: Split = "train" if use == "train" else "test"
        return cls(path=str(path), variant=variant, split="all" if variant == "outd" else wanted)

    def splits(self) -> tuple[str, ...]:
        """Those of the variant."""
        return ("all",) if self.variant == "outd" else ("train", "val", "test", "all")

    def build(self) -> "ClevrTex":
        """List the scenes.

        Raises:
            DiasError: the variant is not there or has no such split, or two scenes have one number.
        """
        if self.split not in self.splits():
            raise SettingError("split", self.split, "is no split of outd, which is tested on: all")
        return ClevrTex(self)


class ClevrTex:
    """Scenes in the order of their numbers, with masks, boxes, classes and, where wanted, depth.

    The scene's mask tells objects by colour. They are numbered from 1 in the order of R + 256 G + 65,536 B;
    black is the background, 0, whether or not there is any. Classes are shapes, numbered as in `SHAPES`; None
    where a scene's JSON is not there, or a colour is none of the authors', so that it names no object.
    Depth is Blender's mist: 0 near, 1 far.
    """

    def __init__(self, config: ClevrTexConfig) -> None:
        path = Path(config.path).expanduser()
        inner = path / f"clevrtex_{config.variant}"
        self.folder = inner if inner.is_dir() else path
        self.depth = config.depth
        scenes = _scenes(self.folder, config.variant)
        start, stop = _TENTHS[config.split]
        total = SCENES[config.variant]  # not those found: a part that was not downloaded must move no scene
        first, last = start * total // 10, max(scenes) + 1 if stop is None else stop * total // 10
        self.names = [scenes[number] for number in sorted(scenes) if first <= number < last]
        if not self.names:
            raise FileError(
                self.folder,
                f"holds no scene of split {config.split} (numbers {first:06d} to {max(last - 1, first):06d})",
                do="unpack the other parts of the archive",
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> ImageSample:
        """Read a scene.

        Raises:
            SampleError: a file of the scene is missing, damaged, or of another size than the picture; or its
                JSON does not list what the mask shows.
        """
        image = self.picture(index).image
        size = image.shape[0], image.shape[1]
        mask, colours = _numbered(self._file(index, "_flat"), size)
        return ImageSample(
            image=image,
            name=self.name(index),
            mask=mask,
            boxes=boxes_from_labels(mask, len(colours)),
            classes=_shapes(self._file(index, "").with_suffix(".json"), colours),
            depth=read_shades(self._file(index, "_depth_0001"), size=size) if self.depth else None,
        )

    def picture(self, index: int) -> ImageSample:
        """Read the picture alone.

        Raises:
            SampleError: it is missing or damaged.
        """
        image = read_image(self.folder / self.names[index], upright=False)
        return ImageSample(image=image, name=self.name(index))

    def encoded(self, index: int) -> bytes:
        """The picture's file."""
        return (self.folder / self.name(index)).read_bytes()

    def name(self, index: int) -> str:
        """Path below the variant's folder, such as `0/CLEVRTEX_full_000000.png`."""
        return self.names[index]

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the pictures."""
        return fingerprint_below(self.folder, self.names)

    def _file(self, index: int, suffix: str) -> Path:
        picture = self.folder / self.names[index]
        return picture.with_name(f"{picture.stem}{suffix}.png")


def _variant_in(folder: Path) -> Variant | None:
    """Variant of the first scene in the first of the numbered folders."""
    for chunk in _chunks(folder)[:1]:
        for name in os.listdir(folder / chunk):
            scene = _SCENE.fullmatch(name)
            if scene:
                return next((variant for variant in VARIANTS if variant == scene[1]), None)
    return None


def _scenes(folder: Path, variant: Variant) -> dict[int, str]:
    """Picture of each scene, by the scene's number."""
    if not folder.is_dir():
        raise FileError(folder, "there is no such folder", do="check the path")
    scenes: dict[int, str] = {}
    for chunk in _chunks(folder):
        for name in os.listdir(folder / chunk):
            scene = _SCENE.fullmatch(name)
            if scene is None or scene[1] != variant:
                continue
            number, file = int(scene[2]), f"{chunk}/{name}"
            if number in scenes:
                raise FileError(folder / file, f"is there twice, also as {scenes[number]}", do="remove one")
            scenes[number] = file
    if not scenes:
        raise FileError(
            folder,
            f"holds no scene of ClevrTex {variant} (looked for 0/CLEVRTEX_{variant}_000000.png and so on)",
            do="name the folder that the archive unpacks to, or the one that holds it",
        )
    return scenes


def _chunks(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if entry.name.isdecimal() and entry.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda name: (len(name), name))


def _numbered(file: Path, size: tuple[int, int]) -> tuple[Int32[np.ndarray, "h w"], list[int]]:
    """Mask, and the colour of each object."""
    colours = read_colours(file, size=size)
    objects = np.unique(colours)
    objects = objects[objects > 0]
    if len(objects) > _MOST_COLOURS:
        raise SampleError(
            file,
            f"has {len(objects)} colours: too many for one an object",
            do="copy it from the archive again",
        )
    mask = np.searchsorted(objects, colours).astype(np.int32) + 1
    mask[colours == 0] = 0
    return mask, objects.tolist()


def _shapes(file: Path, colours: list[int]) -> Int64[np.ndarray, " k"] | None:
    """Class of each object by its colour."""
    if not file.exists() or not set(colours) <= _INDICES.keys():
        return None
    try:
        found = {thing.index: thing.shape for thing in read_json(file, _Scene).objects}
    except FileError as error:
        raise SampleError(file, error.problem, do="copy it from the archive again") from None
    shapes = [found.get(_INDICES[colour], "none") for colour in colours]
    strange = next((place for place, shape in enumerate(shapes) if shape not in SHAPES), None)
    if strange is not None:
        raise SampleError(
            file,
            f"gives object {_INDICES[colours[strange]]} the shape {shapes[strange]!r}, expected one of "
            f"{', '.join(SHAPES)}",
            do="copy it from the archive again",
        )
    return np.array([SHAPES.index(shape) for shape in shapes], dtype=np.int64)
