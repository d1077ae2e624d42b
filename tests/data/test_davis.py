import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dias.data.frames import images_of
from dias.data.samples import ClipSource, picture_of
from dias.data.sources import DavisConfig, config_for, open_source
from dias.errors import FileError, SampleError
from miniatures import davis


def test_the_folder_that_the_archives_unpack_into(tmp_path: Path) -> None:
    folder = davis.write(tmp_path / "DAVIS")
    for path in (tmp_path, folder):
        config = config_for(path, use="train")
        assert config == DavisConfig(path=str(folder))
        assert config.splits() == ("train", "val", "test-dev")
        assert config_for(path, use="evaluate") == DavisConfig(path=str(folder), split="val")
    source = config.build()
    assert isinstance(source, ClipSource)
    assert [source.name(i) for i in range(len(source))] == ["bear", "bike-packing"]
    assert [source.length(i) for i in range(len(source))] == [5, 5]


@pytest.mark.parametrize("unsupervised", [False, True])
def test_the_index_is_the_number_and_255_is_nobodys(unsupervised: bool, tmp_path: Path) -> None:
    clip = DavisConfig(path=str(davis.write(tmp_path)), unsupervised=unsupervised).build().read(0, [1, 3])
    drawn = np.stack([davis.mask_of(place, unsupervised=unsupervised) for place in (1, 3)])
    assert clip.mask is not None
    assert clip.ignore is not None
    assert (clip.ignore == (drawn == 255)).all()
    assert (clip.mask == np.where(drawn == 255, 0, drawn)).all()
    count = 3 if unsupervised else 2
    assert clip.mask.max() == count
    assert clip.tracks is not None
    assert clip.tracks.tolist() == list(range(1, count + 1))
    assert clip.boxes is not None
    assert clip.boxes.shape == (2, count, 4)
    # Of object 1 in frames 1 and 3: columns 3 and 5 to 13 and 15 of 40, rows 4 to 12 of 24.
    np.testing.assert_allclose(clip.boxes[:, 0] * [40, 24, 40, 24], [[3, 4, 13, 12], [5, 4, 15, 12]])


def test_of_a_test_clip_only_the_first_frame_counts(tmp_path: Path) -> None:
    source = DavisConfig(path=str(davis.write(tmp_path)), split="test-dev").build()
    clip = source.read(0)
    assert clip.ignore is not None
    assert clip.mask is not None
    assert clip.ignore[1:].all()
    assert not clip.ignore[0].all()
    assert clip.mask[0].max() == 2
    shutil.rmtree(tmp_path / "Annotations")
    assert DavisConfig(path=str(tmp_path), split="test-dev").build().read(0).mask is None


def test_full_resolution_and_unsupervised_alone(tmp_path: Path) -> None:
    davis.write(tmp_path, resolution="Full-Resolution")
    shutil.rmtree(tmp_path / "Annotations")
    expected = DavisConfig(path=str(tmp_path), resolution="Full-Resolution", unsupervised=True)
    assert config_for(tmp_path, use="train") == expected
    assert expected.build().read(0).mask is not None


def test_frames_as_images(tmp_path: Path) -> None:
    frames = open_source(davis.write(tmp_path))
    assert len(frames) == 5
    assert frames[3].name == "blackswan/00003"
    assert frames[3].mask is not None


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    davis.write(tmp_path)
    (tmp_path / "Annotations/480p/bear/00002.png").unlink()
    Image.new("RGB", (9, 9)).save(tmp_path / "JPEGImages/480p/bear/00004.jpg")
    source = DavisConfig(path=str(tmp_path)).build()
    source.read(0, [0, 1])
    with pytest.raises(SampleError, match=r"00002.png: does not exist"):
        source.read(0, [1, 2])
    with pytest.raises(SampleError, match=r"00004.jpg: is \(9, 9\), other frames \(24, 40\)"):
        source.read(0, [1, 4])
    shutil.rmtree(tmp_path / "JPEGImages/480p/bike-packing")
    with pytest.raises(FileError, match="bike-packing: holds no frame"):
        DavisConfig(path=str(tmp_path)).build()
    with pytest.raises(FileError, match=r"test-challenge.txt: does not exist"):
        DavisConfig(path=str(tmp_path), split="test-challenge").build()
    (tmp_path / "ImageSets/2017/train.txt").write_text("../../../etc\n")
    with pytest.raises(FileError, match="not a path below"):
        DavisConfig(path=str(tmp_path)).build()
    (tmp_path / "ImageSets/2017/train.txt").write_text("\n")
    with pytest.raises(FileError, match="lists no clip"):
        DavisConfig(path=str(tmp_path)).build()


@pytest.mark.parametrize("missing", ["bear/00001.png", "bear"])
def test_in_train_and_val_a_frame_without_a_mask_is_a_fault(missing: str, tmp_path: Path) -> None:
    gone = davis.write(tmp_path) / "Annotations/480p" / missing
    gone.unlink() if gone.is_file() else shutil.rmtree(gone)
    source = DavisConfig(path=str(tmp_path)).build()
    with pytest.raises(SampleError, match=r"bear/00001.png: does not exist"):
        source.read(0, [1])
    for png in (tmp_path / "Annotations/480p/bear").glob("0000[!0].png"):
        png.unlink()  # one mask a clip is enough in the test splits alone
    with pytest.raises(SampleError, match=r"0000[13].png: does not exist"):
        source.read(0, [1, 3])
    assert picture_of(images_of(source), 1).mask is None  # training looks at no label


def test_a_turned_frame_stays_as_its_mask(tmp_path: Path) -> None:
    file = davis.write(tmp_path) / "JPEGImages/480p/bear/00000.jpg"
    source = DavisConfig(path=str(tmp_path)).build()
    before = source.read(0, [0]).frames
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(before[0]).save(file, exif=exif, quality=95)
    after = source.read(0, [0])
    assert after.frames.shape == before.shape
    assert picture_of(images_of(source), 0).image.shape == before.shape[1:]
