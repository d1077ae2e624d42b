from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dias.data.frames import images_of
from dias.data.samples import ClipSource, picture_of
from dias.data.sources import FrameFoldersConfig, ImageFolderConfig, config_for, open_source, pictures_at
from dias.errors import DiasError, FileError, SampleError


def write_clip(folder: Path, frames: int, *, suffix: str = ".png", size: tuple[int, int] = (12, 8)) -> None:
    folder.mkdir(parents=True)
    for number in range(frames):
        Image.new("RGB", size, (number, 0, 0)).save(folder / f"{number}{suffix}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`clips/` and `masks/`: frames 0.png to 11.png, whose red is their number."""
    write_clip(tmp_path / "clips" / "take10", 3)
    write_clip(tmp_path / "clips" / "take9", 12)
    write_clip(tmp_path / "clips" / "more" / "take1", 1, suffix=".webp")
    for file in (tmp_path / "clips").rglob("*.*"):
        mask = tmp_path / "masks" / file.relative_to(tmp_path / "clips").with_suffix(".png")
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 12), int(file.stem), dtype=np.uint8)).save(mask)
    return tmp_path


def test_frames_come_in_the_order_of_their_numbers(folder: Path) -> None:
    config = config_for(folder, use="train")
    assert config == FrameFoldersConfig(path=str(folder / "clips"), masks=str(folder / "masks"))
    source = config.build()
    assert isinstance(source, ClipSource)
    assert [source.name(i) for i in range(3)] == ["more/take1", "take9", "take10"]
    assert [source.length(i) for i in range(3)] == [1, 12, 3]
    clip = source.read(1)
    assert clip.frames[:, 0, 0, 0].tolist() == list(range(12))
    assert clip.mask is not None
    assert clip.mask[:, 0, 0].tolist() == list(range(12))
    assert source.read(1, [2, 10]).frames[:, 0, 0, 0].tolist() == [2, 10]


def test_frames_as_images(folder: Path) -> None:
    source = open_source(folder)
    assert len(source) == 16
    assert source[12].name == "take9/00011"
    assert source[12].mask is not None
    assert pictures_at(folder)[12].mask is None
    (folder / "clips" / "take9" / "new.png").write_bytes(b"")
    assert open_source(folder).fingerprint() != source.fingerprint()


def test_folders_of_pictures_without_the_mark_stay_images(folder: Path) -> None:
    """A data set of images may have a folder for each class; only the user knows."""
    (folder / "masks").rename(folder / "others")  # now there is something beside clips/
    assert isinstance(config_for(folder, use="train"), ImageFolderConfig)
    assert isinstance(config_for(folder / "clips", use="train"), ImageFolderConfig)
    chosen = config_for(folder / "clips", use="train", settings=["kind=frames"])
    assert chosen == FrameFoldersConfig(path=str(folder / "clips"))
    assert len(open_source(folder / "clips", settings=["kind=frames"])) == 16
    masks = f"masks={folder / 'others'}"
    assert open_source(folder / "clips", settings=["kind=frames", masks])[5].mask is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["kind=movies"], "there is no kind 'movies' of data set; there are .*frames, videos, folder"),
        (["kind=frames", "mask=a"], r"mask: unknown key; did you mean masks\?"),
    ],
)
def test_a_kind_that_is_not_there_is_named(settings: list[str], message: str, folder: Path) -> None:
    with pytest.raises(DiasError, match=message):
        config_for(folder / "clips", use="train", settings=settings)


def test_pictures_straight_in_clips_are_images(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips", 2)
    assert isinstance(config_for(tmp_path, use="train"), ImageFolderConfig)


def test_what_is_wrong_is_named(folder: Path) -> None:
    Image.new("RGB", (5, 5)).save(folder / "clips" / "take9" / "1.png")
    (folder / "masks" / "take10" / "1.png").unlink()
    source = config_for(folder, use="train").build()
    assert isinstance(source, ClipSource)
    with pytest.raises(SampleError, match=r"take9/1.png: is \(5, 5\), 0.png is \(8, 12\)"):
        source.read(1, [0, 1])
    with pytest.raises(SampleError, match=r"take10/1.png: has no mask"):
        source.read(2)
    with pytest.raises(FileError, match="no such folder"):
        FrameFoldersConfig(path=str(folder / "nowhere")).build()
    with pytest.raises(FileError, match="holds no folder of frames"):
        FrameFoldersConfig(path=str(folder / "clips" / "take9")).build()


def test_boxes_reach_to_the_greatest_number_of_the_frames_read(tmp_path: Path) -> None:
    for part in ("clips", "masks"):
        (tmp_path / part / "a").mkdir(parents=True)
    for place, number in enumerate((1, 3)):
        Image.new("RGB", (20, 10)).save(tmp_path / "clips" / "a" / f"{place}.png")
        mask = np.zeros((10, 20), dtype=np.uint8)
        mask[2:4, 5:10] = number
        Image.fromarray(mask).save(tmp_path / "masks" / "a" / f"{place}.png")
    source = config_for(tmp_path, use="train").build()
    assert isinstance(source, ClipSource)
    boxes = source.read(0).boxes
    assert boxes is not None
    box, nothing = [0.25, 0.2, 0.5, 0.4], [0, 0, 0, 0]
    np.testing.assert_allclose(boxes, [[box, nothing, nothing], [nothing, nothing, box]])
    first = source.read(0, [0]).boxes
    assert first is not None
    assert first.shape == (1, 1, 4)
    (tmp_path / "masks" / "a" / "0.png").unlink()
    assert picture_of(images_of(source), 0).mask is None  # training looks at no label
