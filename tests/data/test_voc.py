import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dias.data.sources import VocConfig, config_for, open_source
from dias.errors import DiasError, FileError, SampleError
from miniatures import voc


def test_objects_boundary_and_background(tmp_path: Path) -> None:
    folder = voc.write(tmp_path)
    assert voc.palette()[voc.BOUNDARY].tolist() == [224, 224, 192]
    source = VocConfig(path=str(folder)).build()
    for number in range(3):
        sample, shown = source[number], voc.objects(number, boundary=number > 0)
        assert sample.mask is not None
        assert sample.ignore is not None
        assert (sample.mask == np.where(shown == voc.BOUNDARY, 0, shown)).all()
        assert (sample.ignore == (shown == voc.BOUNDARY)).all()
        assert sample.classes is not None
        assert sample.classes.tolist() == [voc.SHEEP, voc.PERSON]
        assert sample.boxes is not None
        rows, columns = np.nonzero(shown == 2)
        expected = [columns.min() / 50, rows.min() / 36, (columns.max() + 1) / 50, (rows.max() + 1) / 36]
        np.testing.assert_allclose(sample.boxes[1], expected)
        assert sample.ignore.any() == (number > 0)  # the first has no boundary: nothing is removed from it


def test_objects_count_from_one_and_keep_their_own_numbers_as_tracks(tmp_path: Path) -> None:
    sample = VocConfig(path=str(voc.write(tmp_path)), split="val").build()[2]
    assert sample.mask is not None
    assert sample.tracks is not None
    assert sample.classes is not None
    assert (set(np.unique(sample.mask)), sample.tracks.tolist()) == ({0, 1}, [2])
    assert sample.classes.tolist() == [voc.PERSON]


def test_in_class_mode_all_of_a_class_is_one(tmp_path: Path) -> None:
    sample = VocConfig(path=str(voc.write(tmp_path)), mode="class").build()[1]
    shown = voc.objects(1)
    assert sample.classes is not None
    assert sample.classes.tolist() == [voc.PERSON, voc.SHEEP]
    assert sample.mask is not None
    assert (sample.mask == np.select([shown == 2, shown == 1], [1, 2])).all()
    assert sample.tracks is None


def test_year_and_split_are_chosen(tmp_path: Path) -> None:
    for year in (2007, 2012):
        voc.write(tmp_path, year)
    for path in (tmp_path, tmp_path / "VOCdevkit"):
        assert config_for(path, use="train") == VocConfig(path=str(path))
        assert config_for(path, use="evaluate") == VocConfig(path=str(path), split="val")
    source = open_source(tmp_path, settings=["year=2007", "split=trainval"])
    assert len(source) == 6
    assert source.name(0) == "JPEGImages/000000.jpg"
    folder = tmp_path / "VOCdevkit" / "VOC2007"
    found = config_for(folder, use="evaluate")
    assert found == VocConfig(path=str(folder), year=2007, split="val")
    assert found.splits() == ("train", "val", "trainval")
    with pytest.raises(FileError, match=r"VOC2012/JPEGImages: there is no such folder; is this VOC2012\?"):
        VocConfig(path=str(folder), year=2012).build()
    with pytest.raises(FileError, match=r"test\.txt: does not exist; choose another split, or unpack its"):
        VocConfig(path=str(folder), year=2007, split="test").build()


def test_a_renamed_folder_of_one_year(tmp_path: Path) -> None:
    folder = voc.write(tmp_path).rename(tmp_path / "photos")
    assert len(open_source(folder)) == 3


def test_trainaug_needs_only_names(tmp_path: Path) -> None:
    folder = voc.write(tmp_path)
    config = VocConfig(path=str(folder), split="trainaug", mode="none")
    with pytest.raises(FileError, match=r"trainaug\.txt: does not exist, nor does the folder SegmentationCl"):
        config.build()
    file = folder / "ImageSets" / "Segmentation" / "trainaug.txt"
    file.write_text(
        "/JPEGImages/2007_000001.jpg /SegmentationClassAug/2007_000001.png\n2007_000000\n2007_000001\n\n"
    )
    source = config.build()
    assert [source.name(i) for i in range(2)] == ["JPEGImages/2007_000001.jpg", "JPEGImages/2007_000000.jpg"]
    assert len(source) == 2
    assert source[0].mask is None
    with pytest.raises(DiasError, match="setting mode: 'object' is not there for trainaug"):
        VocConfig(path=str(folder), split="trainaug").build()
    with pytest.raises(FileError, match=r"SegmentationClassAug: there is no such folder; add it, or set mod"):
        VocConfig(path=str(folder), split="trainaug", mode="class").build()


def test_trainaug_from_the_folder_of_masks_leaves_val_out(tmp_path: Path) -> None:
    folder = voc.write(tmp_path, trainaug=True)
    config = VocConfig(path=str(folder), split="trainaug", mode="class")
    assert "trainaug" in config.splits()
    source = config.build()
    names = {source.name(i)[11:22] for i in range(len(source))}
    assert names == {f"2007_{i:06d}" for i in range(3)} | {f"2008_{i:06d}" for i in range(6)}
    assert source[8].classes is not None
    assert source[8].classes.tolist() == [voc.PERSON, voc.SHEEP]


def test_a_hostile_or_damaged_list_is_refused(tmp_path: Path) -> None:
    folder = voc.write(tmp_path)
    file = folder / "ImageSets" / "Segmentation" / "train.txt"
    for content, message in (
        (b"../../x\n", r"names the file '\.\./\.\./x\.jpg', which is not a path below"),
        (b"/etc/passwd\n", r"names the file '/etc/passwd\.jpg'"),
        (b" \n", "names no picture"),
        (b"\xff\xfe\x00", "cannot be read"),
    ):
        file.write_bytes(content)
        with pytest.raises(FileError, match=rf"train\.txt: {message}"):
            VocConfig(path=str(folder)).build()


def test_a_damaged_mask_is_named_when_it_is_read(tmp_path: Path) -> None:
    folder = voc.write(tmp_path)
    source = VocConfig(path=str(folder)).build()
    mask = folder / "SegmentationObject" / "2007_000000.png"
    Image.fromarray(voc.palette()[voc.objects(0)]).save(mask)
    with pytest.raises(SampleError, match=r"000000\.png: the mask was saved as a colour picture"):
        source[0]
    Image.fromarray(np.full((36, 50), 300, dtype=np.uint16)).save(mask)
    with pytest.raises(SampleError, match=r"000000\.png: has index 300, a palette has 256"):
        source[0]
    Image.new("P", (4, 4)).save(mask)
    with pytest.raises(SampleError, match=r"000000\.png: the mask is \(4, 4\), its picture \(36, 50\)"):
        source[0]
    mask.unlink()
    with pytest.raises(SampleError, match=r"SegmentationObject/2007_000000\.png: does not exist"):
        source[0]
    again = pickle.loads(pickle.dumps(source))
    assert again.picture(0).mask is None
    assert again.fingerprint() == source.fingerprint()
    (folder / "JPEGImages" / "2007_000000.jpg").unlink()
    with pytest.raises(SampleError, match=r"2007_000000\.jpg: does not exist"):
        source.picture(0)
