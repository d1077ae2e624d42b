"""A few small clips in the layout of DAVIS 2017.

Traps: palette masks whose index is the number, 255 for nobody's pixels, a test split of which only the first
frame is annotated, more objects in the unsupervised masks.
"""

from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH, FRAMES = 24, 40, 5
SPLITS = {"train": ["bear", "bike-packing"], "val": ["blackswan"], "test-dev": ["aerobatics"]}


def write(folder: Path, *, resolution: str = "480p") -> Path:
    """Write `DAVIS` as the archives of all splits unpack together."""
    for split, clips in SPLITS.items():
        listing = folder / "ImageSets" / "2017" / f"{split}.txt"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text("".join(f"{clip}\n" for clip in clips))
        for clip in clips:
            frames = folder / "JPEGImages" / resolution / clip
            frames.mkdir(parents=True)
            for place in range(FRAMES):
                picture = np.full((HEIGHT, WIDTH, 3), 30, dtype=np.uint8)
                picture[mask_of(place) == 1] = 200, 40, 40
                picture[mask_of(place) == 2] = 40, 40, 200
                Image.fromarray(picture).save(frames / f"{place:05d}.jpg")
                if place == 0 or split != "test-dev":
                    _save(folder / "Annotations" / resolution / clip / f"{place:05d}.png", mask_of(place))
                    more = mask_of(place, unsupervised=True)
                    _save(folder / "Annotations_unsupervised" / resolution / clip / f"{place:05d}.png", more)
    return folder


def mask_of(place: int, *, unsupervised: bool = False) -> np.ndarray:
    """Numbers of a frame's pixels; 255 between the two objects."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[4:12, 2 + place : 12 + place] = 1
    mask[4:12, 12 + place] = 255
    mask[4:12, 13 + place : 20 + place] = 2
    if unsupervised:
        mask[16:20, 5:9] = 3
    return mask


def _save(file: Path, mask: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask).convert("P")
    image.putdata(mask.ravel().tolist())
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [0] * 744 + [224, 224, 192])
    image.save(file)
