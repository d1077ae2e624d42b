"""A mask lies as its picture does, in every data set that has masks as files: both are turned, or neither."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_pack_records import same

from dias.data.frames import images_of
from dias.data.samples import ImageSample
from dias.data.sources import config_for
from dias.errors import SampleError
from miniatures import clevrtex, coco, davis, voc

PUBLISHED: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "clevrtex": (clevrtex.write, ["split=all", "depth=true"]),
    "coco": (coco.write, ["mode=panoptic"]),
    "voc": (voc.write, []),
    "voc classes": (voc.write, ["mode=class"]),
    "davis": (davis.write, []),
}


def samples(folder: Path, settings: list[str]) -> list[ImageSample]:
    source = images_of(config_for(folder, use="train", settings=settings).build())
    return [source[index] for index in range(len(source))]


def tag(file: Path, orientation: int) -> None:
    """Say in the file how it is to be turned; its pixels stay."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(file) as image:
        image.load()
        image.save(file, exif=exif)


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("name", PUBLISHED)
def test_in_published_sets_neither_is_turned(name: str, orientation: int, tmp_path: Path) -> None:
    write, settings = PUBLISHED[name]
    folder = write(tmp_path / "data")
    before = samples(folder, settings)
    files = sorted((tmp_path / "data").rglob("*.png"))  # masks and depth; of ClevrTex the pictures too
    assert files
    for file in files:
        tag(file, orientation)
    for one, other in zip(samples(folder, settings), before, strict=True):
        same(one, other)


LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def own(folder: Path, kind: str) -> tuple[Path, Path]:
    """A picture and its mask, both of the same colours."""
    picture, mask = folder / "images" / "a.png", folder / "masks" / "a.png"
    if kind == "frames":
        picture, mask = folder / "clips" / "one" / "1.png", folder / "masks" / "one" / "1.png"
    for file in (picture, mask):
        file.parent.mkdir(parents=True)
        Image.fromarray(LABELS).save(file)
    return picture, mask


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["folder", "frames"])
def test_in_folders_of_ones_own_both_are_turned(kind: str, orientation: int, tmp_path: Path) -> None:
    for file in own(tmp_path, kind):
        tag(file, orientation)
    [sample] = samples(tmp_path, [])
    assert sample.mask is not None
    assert not np.array_equal(sample.mask, LABELS)
    assert (sample.image[..., 0] == sample.mask).all()  # pixel by pixel


@pytest.mark.parametrize("kind", ["folder", "frames"])
def test_in_folders_of_ones_own_a_mask_that_is_turned_alone_is_a_fault(kind: str, tmp_path: Path) -> None:
    _, mask = own(tmp_path, kind)
    tag(mask, 3)
    with pytest.raises(SampleError, match=r"the mask's EXIF tag turns it \(orientation 3\)"):
        samples(tmp_path, [])
