"""A data set of clips with splits, as small as the contract allows: `SPLIT/CLIP/0.png`, `0.mask.png`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.images import read_image, read_mask
from dias.data.samples import ClipSample
from dias.data.sources.contract import Use
from dias.errors import FileError

SIZE = (20, 30)  # height and width


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ToyClipsConfig:
    """Under the name of a set that the catalogue knows, to be compared with its published counts."""

    kind: Literal["davis"] = "davis"
    path: str
    split: str = "val"

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "ToyClipsConfig | None":
        marked = (path / "toy.txt").exists()
        return cls(path=str(path), split="train" if use == "train" else "val") if marked else None

    def splits(self) -> tuple[str, ...]:
        return tuple(sorted(one.name for one in Path(self.path).iterdir() if one.is_dir()))

    def build(self) -> "ToyClips":
        return ToyClips(Path(self.path) / self.split)


class ToyClips:
    def __init__(self, folder: Path) -> None:
        self.folders = sorted(folder.iterdir())
        if not self.folders:
            raise FileError(folder, "holds no clip", do="copy it again")

    def __len__(self) -> int:
        return len(self.folders)

    def length(self, index: int) -> int:
        return len(list(self.folders[index].glob("*.mask.png")))

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        places = list(range(self.length(index)) if frames is None else frames)
        folder = self.folders[index]
        return ClipSample(
            frames=np.stack([read_image(folder / f"{place}.png") for place in places]),
            name=self.name(index),
            numbers=tuple(places),
            mask=np.stack([read_mask(folder / f"{place}.mask.png", size=SIZE) for place in places]),
            ignore=np.zeros((len(places), *SIZE), dtype=np.bool_),
            classes=np.array([7, 7, 9]),
        )

    def name(self, index: int) -> str:
        return self.folders[index].name

    def fingerprint(self) -> str:
        return "toy"


def make_toy_clips(folder: Path, *, train: int = 3, val: int = 2, length: int = 30) -> Path:
    """Object 1 is in every frame, object 2 in the first half, object 3 in none."""
    for split, count in (("train", train), ("val", val)):
        (folder / split).mkdir(parents=True)
        for clip in range(count):
            place = folder / split / f"clip-{clip}"
            place.mkdir()
            for frame in range(length):
                mask = np.zeros(SIZE, dtype=np.uint8)
                mask[:10, :15] = 1  # a quarter of the frame
                if frame < length // 2:
                    mask[15:, 25:] = 2
                Image.new("RGB", SIZE[::-1], (9 * clip, 5, frame)).save(place / f"{frame}.png")
                Image.fromarray(mask).save(place / f"{frame}.mask.png")
    (folder / "toy.txt").touch()
    return folder
