import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dias.data.sources import ClevrTexConfig, ImageFolderConfig, config_for, open_source
from dias.data.sources.clevrtex import SHAPES
from dias.errors import DiasError, FileError, SampleError
from miniatures import clevrtex


def names(path: Path, **settings: object) -> list[str]:
    source = ClevrTexConfig(path=str(path), **settings).build()
    return [source.name(index) for index in range(len(source))]


def test_a_scene_of_six_files_is_one_sample(tmp_path: Path) -> None:
    folder = clevrtex.write(tmp_path)
    assert len(list((folder / "0").glob("CLEVRTEX_full_000000*.png"))) == 6
    sample = ClevrTexConfig(path=str(folder), split="test", depth=True).build()[0]
    assert sample.name == "0/CLEVRTEX_full_000000.png"
    indices = clevrtex.objects(0)
    assert sample.image.shape == (*indices.shape, 3)
    assert sample.depth is not None
    np.testing.assert_allclose(sample.depth, indices * 20 / 255, rtol=1e-6)
    assert sample.mask is not None
    assert ((sample.mask == 0) == (indices == 0)).all()
    # In the order of R + 256 G + 65,536 B: red (1), green (2), blue (3).
    assert (sample.mask == indices).all()
    assert sample.boxes is not None
    for number, box in enumerate(sample.boxes, start=1):
        rows, columns = np.nonzero(indices == number)
        expected = [columns.min() / 40, rows.min() / 30, (columns.max() + 1) / 40, (rows.max() + 1) / 30]
        np.testing.assert_allclose(box, expected)


def test_without_black_no_pixel_is_background(tmp_path: Path) -> None:
    folder = clevrtex.write(tmp_path, numbers=[10_000], background=False)
    sample = ClevrTexConfig(path=str(folder)).build()[0]
    assert sample.mask is not None
    assert set(np.unique(sample.mask)) == {1, 2, 3, 4}
    assert sample.depth is None  # not asked for


def test_a_mask_may_be_saved_as_rgb(tmp_path: Path) -> None:
    folder = clevrtex.write(tmp_path, numbers=[10_000])
    before = ClevrTexConfig(path=str(folder)).build()[0].mask
    file = folder / "10" / "CLEVRTEX_full_010000_flat.png"
    Image.open(file).convert("RGB").save(file)
    after = ClevrTexConfig(path=str(folder)).build()[0].mask
    assert before is not None
    assert (before == after).all()


def test_the_splits_are_the_authors(tmp_path: Path) -> None:
    """First tenth test, second val, rest train; also where a part of the archive is missing."""
    folder = clevrtex.write(tmp_path)
    assert names(folder, split="test") == [f"{n // 1000}/CLEVRTEX_full_{n:06d}.png" for n in (0, 4_999)]
    assert names(folder, split="val") == [f"{n // 1000}/CLEVRTEX_full_{n:06d}.png" for n in (5_000, 9_999)]
    train = names(folder)
    assert train[0] == "10/CLEVRTEX_full_010000.png"
    assert len(train) == 8
    assert names(folder, split="all") == [
        *names(folder, split="test"), *names(folder, split="val"), *train
    ]  # fmt: skip
    shutil.rmtree(folder / "9")
    assert names(folder, split="val") == ["5/CLEVRTEX_full_005000.png"]
    shutil.rmtree(folder / "5")
    with pytest.raises(FileError, match=r"no scene of split val \(numbers 005000 to 009999\)"):
        names(folder, split="val")


def test_the_folder_of_a_variant_or_of_several_may_be_named(tmp_path: Path) -> None:
    for variant in ("full", "outd", "camo"):
        clevrtex.write(tmp_path, variant, numbers=[0, 2_000, 20_000])
    assert config_for(tmp_path, use="train") == ClevrTexConfig(path=str(tmp_path))
    assert config_for(tmp_path, use="evaluate") == ClevrTexConfig(path=str(tmp_path), split="test")
    outd = tmp_path / "clevrtex_outd"
    expected = ClevrTexConfig(path=str(outd), variant="outd", split="all")
    assert config_for(outd, use="evaluate") == config_for(outd, use="train") == expected
    assert expected.splits() == ("all",)
    assert len(open_source(tmp_path, settings=["variant=outd", "split=all"])) == 3
    renamed = outd.rename(tmp_path / "unseen")
    assert len(open_source(renamed)) == 3
    assert open_source(tmp_path, settings=["variant=camo"]).name(0) == "0/CLEVRTEX_camo_000000.png"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    folder = clevrtex.write(tmp_path, numbers=[0])
    with pytest.raises(FileError, match=r"holds no scene of ClevrTex outd \(looked for 0/CLEVRTEX_outd_0000"):
        ClevrTexConfig(path=str(folder), variant="outd", split="all").build()
    with pytest.raises(DiasError, match="setting split: 'train' is no split of outd"):
        ClevrTexConfig(path=str(folder), variant="outd").build()
    with pytest.raises(FileError, match="nowhere: there is no such folder"):
        ClevrTexConfig(path=str(tmp_path / "nowhere")).build()
    shutil.copytree(folder / "0", folder / "7")
    with pytest.raises(FileError, match=r"7/CLEVRTEX_full_000000\.png: is there twice"):
        ClevrTexConfig(path=str(folder)).build()


def test_a_damaged_scene_is_named_when_it_is_read(tmp_path: Path) -> None:
    folder = clevrtex.write(tmp_path, numbers=[0])
    source = ClevrTexConfig(path=str(folder), split="test", depth=True).build()
    flat, depth = (folder / "0" / f"CLEVRTEX_full_000000_{part}.png" for part in ("flat", "depth_0001"))
    depth.unlink()
    with pytest.raises(SampleError, match=r"depth_0001\.png: does not exist"):
        source[0]
    assert source.picture(0).mask is None  # training looks at no label
    Image.new("P", (9, 9)).save(flat)
    with pytest.raises(SampleError, match=r"flat\.png: the mask is \(9, 9\), its picture \(30, 40\)"):
        source[0]
    Image.fromarray(np.arange(1_200, dtype=np.uint16).reshape(30, 40)).save(flat)
    with pytest.raises(SampleError, match=r"flat\.png: the mask has mode 'I;16', expected colours"):
        source[0]
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(flat)
    with pytest.raises(SampleError, match=r"flat\.png: has \d+ colours: too many"):
        source[0]
    Image.fromarray(noise).save(flat, format="JPEG")
    with pytest.raises(SampleError, match=r"flat\.png: the mask is a JPEG"):
        source[0]
    flat.unlink()
    with pytest.raises(SampleError, match=r"flat\.png: does not exist"):
        source[0]


def test_a_depth_map_of_16_bits_keeps_them(tmp_path: Path) -> None:
    folder = clevrtex.write(tmp_path, numbers=[0])
    depth = np.arange(1_200, dtype=np.uint16).reshape(30, 40) * 50
    Image.fromarray(depth).save(folder / "0" / "CLEVRTEX_full_000000_depth_0001.png")
    sample = ClevrTexConfig(path=str(folder), split="test", depth=True).build()[0]
    assert sample.depth is not None
    np.testing.assert_allclose(sample.depth, depth / 65_535, rtol=1e-6)


def test_a_source_survives_the_way_to_a_worker(tmp_path: Path) -> None:
    source = ClevrTexConfig(path=str(clevrtex.write(tmp_path))).build()
    again = pickle.loads(pickle.dumps(source))
    assert again.fingerprint() == source.fingerprint()
    assert (again[3].image == source[3].image).all()


def test_other_folders_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "0" / "CLEVR_new_000000.png")
    assert isinstance(config_for(tmp_path, use="train"), ImageFolderConfig)


def test_classes_are_shapes(tmp_path: Path) -> None:
    """The JSON lists objects by palette index: yellow (4) comes before blue (3) in the order of colours."""
    folder = clevrtex.write(tmp_path, numbers=[10_000], background=False)
    file = folder / "10" / "CLEVRTEX_full_010000.json"
    shapes = {1: "sphere", 2: "cube", 3: "monkey", 4: "torus"}
    objects = [{"index": index, "shape": shape} for index, shape in shapes.items()]
    file.write_text(json.dumps({"objects": objects}))
    source = ClevrTexConfig(path=str(folder)).build()
    classes = source[0].classes
    assert classes is not None
    assert [SHAPES[number] for number in classes] == ["sphere", "cube", "torus", "monkey"]
    file.write_text(json.dumps({"objects": objects[:2]}))
    with pytest.raises(
        SampleError, match=r"010000\.json: gives object 4 the shape 'none', expected one of cone"
    ):
        source[0]
    file.write_text("{")
    with pytest.raises(SampleError, match=r"010000\.json: is no JSON"):
        source[0]
    file.unlink()
    assert source[0].classes is None
