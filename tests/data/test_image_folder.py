import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic.dataclasses import dataclass

from dias.config import STRICT, from_dict, to_dict
from dias.data.images import SUFFIXES
from dias.data.loaders import ViewedImages
from dias.data.samples import picture_of
from dias.data.sources import (
    ImageFolder,
    ImageFolderConfig,
    Photos,
    PhotosConfig,
    Source,
    config_for,
    open_source,
    pictures_at,
)
from dias.errors import DiasError, FileError, SampleError


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Holder:
    """As a recipe holds a data set."""

    data: Source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for name in ["b.PNG", "a.jpg", "deep/er/c.webp", "deep/d.gif", ".hidden.png", ".thumbs/e.png"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), "red").save(root / name)
    (root / "notes.txt").write_text("no picture")
    return root


def test_pictures_are_found_in_order_and_hidden_ones_left_out(folder: Path) -> None:
    source = ImageFolderConfig(path=str(folder)).build()
    assert [source.name(index) for index in range(len(source))] == [
        "a.jpg", "b.PNG", "deep/d.gif", "deep/er/c.webp",
    ]  # fmt: skip
    sample = source[3]
    assert sample.name == "deep/er/c.webp"
    assert sample.image.shape == (4, 6, 3)
    assert sample.mask is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_is_known(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / f"a{suffix}")
    assert ImageFolder(tmp_path)[0].image.shape == (4, 4, 3)


def test_one_picture_is_a_data_set_of_one(folder: Path) -> None:
    source = open_source(folder / "deep" / "d.gif")
    assert len(source) == 1
    assert source.name(0) == source[0].name == "d.gif"


def test_masks_lie_at_the_same_place_in_their_own_folder(folder: Path) -> None:
    masks = folder / "masks"  # inside the folder of pictures: masks are no pictures
    for name in ["a.png", "b.png", "deep/d.png"]:
        (masks / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 6), len(name), dtype=np.uint8)).save(masks / name)
    source = ImageFolderConfig(path=str(folder), masks=str(masks)).build()
    assert len(source) == 4
    mask = source[2].mask
    assert mask is not None
    assert (mask == len("deep/d.png")).all()
    with pytest.raises(SampleError, match=r"c\.webp: has no mask: .*c\.png does not exist"):
        source[3]
    Image.new("L", (5, 5)).save(masks / "a.png")
    with pytest.raises(SampleError, match=r"a\.png: the mask is \(5, 5\), its picture \(4, 6\)"):
        source[0]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(FileError, match=rf"{tmp_path.name}: holds no picture \(looked for jpg jpeg png"):
        open_source(tmp_path)
    with pytest.raises(FileError, match=r"nowhere: there is no such file or folder; check the path"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(FileError, match="no such folder of masks"):
        ImageFolder(tmp_path, masks=tmp_path / "nowhere")


def test_an_unreadable_file_is_named_when_it_is_read(folder: Path) -> None:
    (folder / "a.jpg").write_bytes(b"")
    source = ImageFolder(folder)
    with pytest.raises(SampleError, match=r"a\.jpg: is empty"):
        source[0]


def test_the_fingerprint_follows_names_and_sizes_alone(folder: Path, tmp_path: Path) -> None:
    before = ImageFolder(folder).fingerprint()
    assert ImageFolder(shutil.copytree(folder, tmp_path / "copy")).fingerprint() == before
    with (folder / "a.jpg").open("ab") as stream:
        stream.write(b"x")
    longer = ImageFolder(folder).fingerprint()
    (folder / "a.jpg").rename(folder / "z.jpg")
    assert len({before, longer, ImageFolder(folder).fingerprint()}) == 3


def test_a_link_to_nowhere_is_listed_and_refused_only_when_read(folder: Path) -> None:
    (folder / "aa.jpg").symlink_to(folder / "gone.jpg")
    source = ImageFolder(folder)
    assert len(source.fingerprint()) == 64
    with pytest.raises(SampleError, match=r"aa\.jpg: does not exist"):
        source[source.names.index("aa.jpg")]


def test_settings_come_back_from_plain_values(folder: Path) -> None:
    config = ImageFolderConfig(path=str(folder))
    assert from_dict(Holder, {"data": to_dict(config)}) == Holder(data=config)
    assert config_for(folder, use="train") == config
    with pytest.raises(DiasError, match=r"folder.*pathh"):
        from_dict(Holder, {"data": {"kind": "folder", "pathh": "x"}})


def test_a_folder_of_images_and_masks_is_labelled(tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        Image.new("L", (4, 4), 1).save(tmp_path / part / "a.png")
    assert open_source(tmp_path)[0].mask is not None
    assert len(open_source(tmp_path)) == 1
    (tmp_path / "masks" / "a.png").unlink()
    assert pictures_at(tmp_path)[0].mask is None  # what is only segmented needs no label


def test_photos_come_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = pictures_at(Path("photos"))
    assert isinstance(source, Photos)
    assert len(source) == len({source.name(index) for index in range(len(source))}) == 7
    for index in range(len(source)):
        image = source[index].image
        assert min(image.shape[:2]) >= 300
        assert image.std(axis=2).mean() > 3  # in colour
    assert source.fingerprint() == PhotosConfig().build().fingerprint()
    Path("photos").mkdir()
    Image.new("RGB", (4, 4)).save("photos/mine.png")
    assert open_source("photos").name(0) == "mine.png"  # one's own folder of that name comes first


def test_photos_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dias.data.sources.photos.find_spec", lambda name: None)
    with pytest.raises(DiasError, match=r"skimage is not installed; run: pip install 'dias-ocl\[compare\]'"):
        PhotosConfig().build()


def test_a_picture_comes_without_its_mask(folder: Path, tmp_path: Path) -> None:
    """Training looks at no label: one that is missing, or damaged, does not concern it."""
    source = ImageFolder(folder, masks=tmp_path)
    with pytest.raises(SampleError, match="has no mask"):
        source[0]
    picture = picture_of(source, 0)
    assert (picture.name, picture.mask) == (source.name(0), None)
    np.testing.assert_array_equal(picture.image, ImageFolder(folder)[0].image)
    assert ViewedImages(source, size=8, seed=0)[(0, 0)].shape == (3, 8, 8)


def test_boxes_are_around_the_objects_of_the_mask(tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    Image.new("RGB", (20, 10)).save(tmp_path / "images" / "a.png")
    mask = np.zeros((10, 20), dtype=np.uint8)
    mask[2:4, 5:10] = 2  # there is no object 1
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    boxes = open_source(tmp_path)[0].boxes
    assert boxes is not None
    np.testing.assert_allclose(boxes, [[0, 0, 0, 0], [0.25, 0.2, 0.5, 0.4]])
