"""Every data set, packed, gives its own samples again; pictures that are files stay those very files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_pack_records import same

from dias.config import to_dict
from dias.data.frames import images_of
from dias.data.packing import PackSettings, pack
from dias.data.samples import EncodedImages, picture_of
from dias.data.sources import config_for, open_source
from miniatures import clevrtex, coco, davis, rendered_clips, videos, voc, ytvis

MOVI = Path(__file__).parents[1] / "miniatures" / "movi" / "movi_e"
SETS: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "clevrtex": (clevrtex.write, ["split=all", "depth=true"]),
    "coco": (coco.write, ["mode=instance"]),
    "coco panoptic": (coco.write, ["mode=panoptic"]),
    "coco polygons": (coco.write, ["mode=polygons"]),
    "voc": (voc.write, ["split=trainval"]),
    "clevrer": (lambda folder: MOVI.parents[1] / "clevrer", []),
    "movi": (lambda folder: MOVI, ["depth=true"]),
    "ytvis": (ytvis.write, []),
    "davis": (davis.write, []),
    "clips": (rendered_clips.write, ["depth=true"]),
    "videos": (lambda folder: videos.write(folder / "a.mp4", 6).parent, []),
}


@pytest.mark.parametrize("name", SETS)
def test_a_pack_gives_the_samples_again(name: str, tmp_path: Path) -> None:
    write, settings = SETS[name]
    config = config_for(write(tmp_path / "data"), use="train", settings=settings)
    source = images_of(config.build())
    pack(source, tmp_path / "pack", PackSettings(per_shard=4), origin=to_dict(config), progress=False)
    again = open_source(tmp_path / "pack")
    assert len(again) == len(source) > 0
    for index in range(len(source)):
        assert again.name(index) == source.name(index)
        same(again[index], source[index])
        assert np.array_equal(picture_of(again, index).image, source[index].image)
        if isinstance(source, EncodedImages) and source.encoded(index) is not None:
            assert isinstance(again, EncodedImages)
            assert again.encoded(index) == source.encoded(index)


def test_a_pack_keeps_stored_pixels_of_turned_files(tmp_path: Path) -> None:
    """The file itself would be turned when it is read from the pack, so its pixels are kept instead."""
    folder = coco.write(tmp_path / "data")
    file = folder / "train2017" / "000000000009.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(file) as picture:
        picture.copy().save(file, exif=exif)
    source = images_of(config_for(folder, use="train").build())
    pack(source, tmp_path / "pack", PackSettings(per_shard=4), origin={}, progress=False)
    again = open_source(tmp_path / "pack")
    assert source[0].image.shape == (coco.HEIGHT, coco.WIDTH, 3)
    same(again[0], source[0])
    assert isinstance(again, EncodedImages)
    kept = again.encoded(0)
    assert kept is not None
    assert kept.startswith(b"RIFF")
