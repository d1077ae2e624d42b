import errno
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from colour_model import Memory, colour_model, three_colours
from dias.errors import DiasError, FileError
from dias.inference import Segmenter
from dias.inference.saving import output_names, save_segmentations


class Named(Memory):
    def __init__(self, names: list[str]) -> None:
        super().__init__([three_colours(30, 40)[0]] * len(names))
        self.names = names

    def name(self, index: int) -> str:
        return self.names[index]


def test_everything_is_written_and_agrees(tmp_path: Path) -> None:
    images = [three_colours(60, 90)[0], three_colours(121, 33)[0]]
    segmenter, source = Segmenter(colour_model()), Named(["a.jpg", "deep/er/b.png"])
    source.images = images
    saved = save_segmentations(segmenter, source, tmp_path)
    assert saved.pictures == 2
    assert saved.skipped == ()

    coco = COCO(tmp_path / "segments.json")
    assert len(coco.anns) == 6  # the empty slot has none
    for image, found in zip(coco.dataset["images"], segmenter(images), strict=True):
        name = image["file_name"].rsplit(".", 1)[0]
        assert (image["height"], image["width"]) == found.labels.shape
        mask = Image.open(tmp_path / f"{name}.mask.png")
        assert mask.mode == "P"
        np.testing.assert_array_equal(np.asarray(mask), found.labels)
        assert Image.open(tmp_path / f"{name}.overlay.png").size == mask.size
        slots = np.load(tmp_path / f"{name}.slots.npz")
        np.testing.assert_allclose(slots["slots"], found.slots, rtol=1e-5)
        np.testing.assert_array_equal(slots["slot_indices"], [1, 2, 3, 4])
        np.testing.assert_array_equal(slots["areas"], found.areas)
        np.testing.assert_allclose(slots["boxes"], found.boxes)
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        for number, annotation in enumerate(annotations):
            np.testing.assert_array_equal(coco.annToMask(annotation), found.labels == number)
            rle = annotation["segmentation"]
            assert isinstance(rle["counts"], str)
            assert annotation["area"] == coco_mask.area(rle)
            assert annotation["bbox"] == coco_mask.toBbox(rle).tolist()
            assert annotation["slot"] == number + 1
    assert "revision" in coco.dataset["info"]
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*compare*"))


def test_unseen_pixels_and_stages(tmp_path: Path) -> None:
    source = Named(["a.png"])
    save_segmentations(Segmenter(colour_model(), fit="centre"), source, tmp_path, compare=True)
    mask = np.asarray(Image.open(tmp_path / "a.mask.png"))
    assert (mask == 255).sum() == 30 * 10
    coco = COCO(tmp_path / "segments.json")
    assert sum(annotation["area"] for annotation in coco.anns.values()) == 900
    compared = Image.open(tmp_path / "a.compare.png")
    assert compared.width > 4 * 40 * 256 // 30  # four panels, each 256 high


def test_bad_pictures_are_listed_and_the_rest_is_done(tmp_path: Path) -> None:
    source = Named(["a.png", "b.png", "c.png"])
    source.images[1] = None
    done: list[str] = []
    saved = save_segmentations(Segmenter(colour_model()), source, tmp_path, on_picture=done.append)
    assert saved.pictures == 2
    assert [one.name for one in saved.skipped] == ["b.png"]
    assert done == ["a.png", "b.png", "c.png"]
    assert not (tmp_path / "b.mask.png").exists()


def test_nothing_readable_is_an_error_and_old_results_stay(tmp_path: Path) -> None:
    (tmp_path / "segments.json").write_text("old")
    source = Named(["a.png"])
    source.images[0] = None
    with pytest.raises(DiasError, match=r"1 of 1 skipped.*a\.png: is truncated"):
        save_segmentations(Segmenter(colour_model()), source, tmp_path)
    assert (tmp_path / "segments.json").read_text() == "old"


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "segments.json").write_text("old")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FileError, match=r"a\.overlay\.png: could not be written \(No space left") as caught:
        save_segmentations(Segmenter(colour_model()), Named(["a.png"]), tmp_path)
    assert "\n" not in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["segments.json"]
    assert (tmp_path / "segments.json").read_text() == "old"


def test_no_path_leaves_the_folder(tmp_path: Path) -> None:
    names = ["../../up.png", "/root/abs.png", "a/../../b.png", "c:\\d\\e.png", "..", "a/./f.png", "up.png"]
    out = tmp_path / "in" / "out"
    save_segmentations(Segmenter(colour_model()), Named(names), out)
    written = [file.relative_to(tmp_path) for file in tmp_path.rglob("*.mask.png")]
    assert len(written) == len(names)
    assert all(file.parts[:2] == ("in", "out") for file in written)


NAMES = st.lists(st.sampled_from(["a", "b", "..", "/", "a.png", "a.jpg", "a-2", "."]), min_size=1, max_size=4)


@given(names=st.lists(NAMES.map("/".join), max_size=12))
def test_output_names_are_safe_and_apart(names: list[str]) -> None:
    found = output_names(Named(names))
    assert len(set(found)) == len(names)
    for name in found:
        parts = Path(name).parts
        assert parts
        assert ".." not in parts
        assert not Path(name).is_absolute()


def test_output_names_keep_folders_and_tell_endings_apart() -> None:
    source = Named(["x/a.jpg", "x/a.png", "b.jpg"])
    assert output_names(source) == ["x/a.jpg", "x/a.png", "b"]


def test_many_objects_need_sixteen_bits(tmp_path: Path) -> None:
    from dias.inference import saving
    from dias.inference.segment import Segmentation

    labels = np.arange(300, dtype=np.int32).reshape(10, 30)
    labels[0, 0] = -1
    found = Segmentation(
        name="a",
        labels=labels,
        slots=np.zeros((300, 2), dtype=np.float32),
        slot_indices=np.arange(300),
        attention=np.zeros((300, 4), dtype=np.float32),
        grid=(2, 2),
        areas=np.ones(300, dtype=np.int64),
        boxes=np.zeros((300, 4)),
        coverage=(0, 0, 30, 10),
    )
    (tmp_path / "a.png").write_bytes(saving.mask_png(found))
    mask = np.asarray(Image.open(tmp_path / "a.png"))
    assert mask.dtype == np.uint16
    assert mask[0, 0] == 65535
    np.testing.assert_array_equal(mask.ravel()[1:], np.arange(1, 300))


def test_the_file_is_json_when_nothing_was_found(tmp_path: Path) -> None:
    from dias.interop.coco_json import CocoWriter

    with (tmp_path / "a.json").open("w") as stream:
        CocoWriter(stream).close({})
    assert json.loads((tmp_path / "a.json").read_text())["annotations"] == []
