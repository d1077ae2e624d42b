"""Pascal VOC as its archives unpack: `VOCdevkit/VOC2012` and `VOCdevkit/VOC2007`."""

from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 36, 50
BOUNDARY = 255
PERSON, SHEEP = 15, 17


def palette() -> np.ndarray:
    """VOC's colours: the bits of an index are dealt to the highest bits of R, G and B in turn."""
    colours = np.zeros((256, 3), dtype=np.uint8)
    for index in range(256):
        for bit in range(8):
            for channel in range(3):
                colours[index, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return colours


def write(folder: Path, year: int = 2012, *, count: int = 6, trainaug: bool = False) -> Path:
    """Write `folder/VOCdevkit/VOCyear`: half of the pictures are train, half val; and give it.

    The first picture of train has no boundary around its object; the last of val has object 2 but no 1.
    With `trainaug`, `SegmentationClassAug` has masks of train, val and as many more.
    """
    place = folder / "VOCdevkit" / f"VOC{year}"
    lists = place / "ImageSets" / "Segmentation"
    for part in (lists, place / "JPEGImages", place / "SegmentationObject", place / "SegmentationClass"):
        part.mkdir(parents=True, exist_ok=True)
    names = [f"2007_{i:06d}" if year == 2012 else f"{i:06d}" for i in range(count)]
    train, val = names[: count // 2], names[count // 2 :]
    for split, chosen in {"train": train, "val": val, "trainval": names}.items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in chosen))
    for number, name in enumerate(names):
        shown = objects(number, boundary=number > 0)
        if number == count - 1:
            shown[shown == 1] = 0
        _photo(shown).save(place / "JPEGImages" / f"{name}.jpg", quality=95)
        _save(shown, place / "SegmentationObject" / f"{name}.png")
        _save(classes(shown), place / "SegmentationClass" / f"{name}.png")
    if trainaug:
        augmented = place / "SegmentationClassAug"
        augmented.mkdir()
        more = [f"2008_{i:06d}" for i in range(count)]
        for number, name in enumerate([*names, *more]):
            shown = objects(number, boundary=False)
            _photo(shown).save(place / "JPEGImages" / f"{name}.jpg")
            Image.fromarray(classes(shown)).save(augmented / f"{name}.png")  # grey: SBD's have no palette
    return place


def objects(number: int, *, boundary: bool = True) -> np.ndarray:
    """Palette index of each pixel: two objects, a boundary of one pixel around each."""
    rng = np.random.default_rng(number)
    shown = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for index, left in ((1, 0), (2, WIDTH // 2)):
        y, x = int(rng.integers(1, HEIGHT - 14)), left + int(rng.integers(1, 8))
        if boundary:
            shown[y - 1 : y + 13, x - 1 : x + 15] = BOUNDARY
        shown[y : y + 12, x : x + 14] = index
    return shown


def classes(shown: np.ndarray) -> np.ndarray:
    """Class of each pixel: object 1 is a sheep, 2 a person."""
    table = np.arange(256, dtype=np.uint8)
    table[[1, 2]] = SHEEP, PERSON
    return table[shown]


def _photo(shown: np.ndarray) -> Image.Image:
    grey = (shown.astype(np.int64) * 90 % 256).astype(np.uint8)
    return Image.fromarray(np.stack([grey, 255 - grey, grey // 2], axis=2))


def _save(indices: np.ndarray, file: Path) -> None:
    image = Image.fromarray(indices)
    image.putpalette(palette().reshape(-1).tolist())
    image.save(file)
