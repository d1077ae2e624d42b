import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dias.data.loaders import ViewedImages
from dias.data.samples import ImageSample, ImageSource
from dias.data.sources import CocoConfig, ImageFolderConfig, config_for, open_source
from dias.errors import DiasError, FileError, SampleError
from miniatures import coco

OVERLAP, CROWD, NOTHING, GREY, CROWD_AND_ONE, UNLABELLED = sorted(coco.PICTURES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return coco.write(tmp_path)


def opened(folder: Path, **settings: object) -> ImageSource:
    return CocoConfig(path=str(folder), split="val2017", **settings).build()


def sample(source: ImageSource, name: str) -> ImageSample:
    found = source[sorted(coco.PICTURES).index(name)]
    assert found.name == f"val2017/{name}"
    assert found.mask is not None
    assert found.ignore is not None
    assert found.boxes is not None
    assert found.classes is not None
    assert found.tracks is not None
    assert len(found.boxes) == len(found.classes) == len(found.tracks)
    for number, box in enumerate(found.boxes, start=1):
        rows, columns = np.nonzero(found.mask == number)
        ends = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0] * 4
        np.testing.assert_allclose(box * ([coco.WIDTH, coco.HEIGHT] * 2), ends, atol=1e-9)
    return found


def test_things_are_objects_and_all_stuff_is_background(folder: Path) -> None:
    parts = coco.PICTURES[OVERLAP]
    found = sample(opened(folder), OVERLAP)
    place = coco.labels(parts)
    assert (found.mask == np.array([0, 0, 0, 1, 2])[place]).all()
    assert (found.ignore == (place == 0)).all()
    assert found.ignore[36:, :10].all()
    assert found.classes.tolist() == [1, 18]
    assert found.tracks.tolist() == [coco.segment_id(3), coco.segment_id(4)]


def test_in_panoptic_mode_stuff_is_numbered_too(folder: Path) -> None:
    found = sample(opened(folder, mode="panoptic"), OVERLAP)
    place = coco.labels(coco.PICTURES[OVERLAP])
    assert (found.mask == place).all()  # 0 only where nothing is labelled
    assert (found.ignore == (place == 0)).all()
    assert found.classes.tolist() == [187, 184, 1, 18]


def test_a_picture_with_nothing_but_a_crowd(folder: Path) -> None:
    place = coco.labels(coco.PICTURES[CROWD])
    kept = sample(opened(folder), CROWD)
    assert (kept.mask == (place == 3)).all()
    assert kept.classes.tolist() == [1]
    for mode, objects in (("instance", []), ("panoptic", [187, 184])):
        found = sample(opened(folder, mode=mode, crowd="ignore"), CROWD)
        assert found.classes.tolist() == objects
        assert (found.ignore == ((place == 3) | (place == 0))).all()
    plain = sample(opened(folder, mode="polygons"), CROWD)
    assert not plain.mask.any()
    assert (plain.ignore == (place == 3)).all()  # what is unlabelled is background here
    assert (sample(opened(folder, mode="polygons", crowd="keep"), CROWD).mask == (place == 3)).all()


def test_pictures_without_things_or_labels(folder: Path) -> None:
    for name, unlabelled in ((NOTHING, 4 * coco.WIDTH), (UNLABELLED, coco.HEIGHT * coco.WIDTH)):
        found = sample(opened(folder), name)
        assert not found.mask.any()
        assert found.ignore.sum() == unlabelled
        assert found.boxes.shape == (0, 4)
        plain = sample(opened(folder, mode="polygons"), name)
        assert not plain.mask.any()
        assert not plain.ignore.any()


def test_a_grey_jpeg_becomes_rgb(folder: Path) -> None:
    assert Image.open(folder / "val2017" / GREY).mode == "L"
    image = sample(opened(folder), GREY).image
    assert image.shape == (coco.HEIGHT, coco.WIDTH, 3)
    assert (image[..., 0] == image[..., 2]).all()


def test_where_polygons_overlap_the_first_has_the_pixels_and_nobody_counts_them(folder: Path) -> None:
    """The annotation lists the dog (run lengths) before the person (a polygon)."""
    person, dog = (part.region() > 0 for part in coco.PICTURES[OVERLAP][2:])
    found = sample(opened(folder, mode="polygons"), OVERLAP)
    assert found.classes.tolist() == [18, 1]
    assert found.tracks.tolist() == [904, 903]
    assert (found.mask == np.where(dog, 1, np.where(person, 2, 0))).all()
    assert (found.ignore == (person & dog)).all()
    assert found.ignore.any()


def test_a_crowd_is_ignored_also_where_an_object_is(folder: Path) -> None:
    found = sample(opened(folder, mode="polygons"), CROWD_AND_ONE)
    assert found.ignore.all()  # the crowd is everywhere
    assert found.classes.tolist() == [1]


def test_the_folder_is_recognised_and_the_use_chooses_the_split(folder: Path) -> None:
    assert config_for(folder, use="train") == CocoConfig(path=str(folder), split="train2017")
    assert config_for(folder, use="evaluate") == CocoConfig(path=str(folder), split="val2017")
    assert config_for(folder, use="train").splits() == ("train2017", "val2017")
    source = open_source(folder, settings=["mode=panoptic"])
    assert [source.name(i) for i in range(len(source))] == [
        f"val2017/{name}" for name in sorted(coco.PICTURES)
    ]
    assert isinstance(config_for(folder / "val2017", use="evaluate"), ImageFolderConfig)
    for file in (folder / "annotations").glob("panoptic*.json"):
        file.unlink()
    assert config_for(folder, use="evaluate") == CocoConfig(
        path=str(folder), split="val2017", mode="polygons"
    )


def test_panoptic_pngs_may_lie_beside_the_pictures(tmp_path: Path, folder: Path) -> None:
    beside = coco.write(tmp_path / "other", beside=True)
    assert not (beside / "annotations" / "panoptic_val2017").exists()
    assert (sample(opened(beside), OVERLAP).mask == sample(opened(folder), OVERLAP).mask).all()


def test_a_missing_part_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "annotations" / "panoptic_val2017")
    with pytest.raises(FileError, match=r"panoptic_val2017: there is no such folder; unpack annota"):
        opened(folder)
    shutil.rmtree(folder / "val2017")
    with pytest.raises(FileError, match=r"val2017: there is no such folder; unpack val2017\.zip into"):
        opened(folder, mode="polygons")
    (folder / "annotations" / "panoptic_val2017.json").unlink()
    with pytest.raises(FileError, match=r"does not exist; there is one of train2017: set split=train2017"):
        opened(folder)


def test_a_damaged_picture_or_png_is_named_when_it_is_read(folder: Path) -> None:
    source = opened(folder)
    png = folder / "annotations" / "panoptic_val2017" / f"{OVERLAP[:-4]}.png"
    shutil.copy(png.with_name(f"{CROWD[:-4]}.png"), png)
    assert source[0].mask is not None  # the same ids: nothing can be noticed
    Image.new("RGB", (coco.WIDTH, coco.HEIGHT), (7, 0, 0)).save(png)
    with pytest.raises(SampleError, match=r"009\.png: shows segment 7, which the JSON does not list"):
        source[0]
    Image.new("RGB", (9, 8)).save(png)
    with pytest.raises(SampleError, match=r"009\.png: the mask is \(8, 9\), its picture \(40, 48\)"):
        source[0]
    png.unlink()
    with pytest.raises(SampleError, match=r"009\.png: does not exist"):
        source[0]
    assert source.picture(0).mask is None  # training looks at no label
    Image.new("RGB", (9, 8)).save(folder / "val2017" / OVERLAP)
    with pytest.raises(SampleError, match=r"009\.jpg: is \(8, 9\), panoptic_val2017\.json says \(40, 48\)"):
        source.picture(0)
    pickle.loads(pickle.dumps(source))[1]


def test_training_leaves_labels_unread(folder: Path) -> None:
    source = opened(folder)
    for png in (folder / "annotations" / "panoptic_val2017").iterdir():
        png.unlink()
    views = ViewedImages(source, size=16, seed=0)
    assert views[(0, 0)].shape == (3, 16, 16)
    with pytest.raises(SampleError):
        source[0]


def of_picture(values: dict[str, Any], name: str) -> Any:
    return next(entry for entry in values["images"] if entry["file_name"] == name)


def first(values: dict[str, Any], key: str) -> Any:
    return next(entry for entry in values["annotations"] if entry.get(key))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("categories"), r"has not the expected shape: .*`categories`"),
        (lambda v: v.update(images="none"), r"has not the expected shape: .*images"),
        (lambda v: v["images"][0].update(height=10**30), r"has not the expected shape: .*height"),
        (lambda v: v["images"][0].update(height=0), r"has not the expected shape: .*height"),
        (lambda v: of_picture(v, OVERLAP).update(file_name="../../x"), r"names the file '\.\./\.\./x'"),
        (lambda v: first(v, "file_name").update(file_name="/etc/x"), r"names the file '/etc/x'"),
        (lambda v: first(v, "file_name").update(image_id=5), "annotates image 5, which it does not list"),
        (lambda v: v["annotations"].append(v["annotations"][0]), "names a picture twice"),
        (lambda v: v["annotations"].clear(), "annotates no picture"),
        (lambda v: v.update(categories=[]), "has a segment of category 1, which it does not list"),
        (
            lambda v: first(v, "segments_info")["segments_info"][0].update(id=2**24),
            r"has not the expected shape: .*segments_info",
        ),
    ],
)
def test_a_panoptic_json_of_another_shape_is_refused(
    folder: Path, change: Callable[[Any], object], message: str
) -> None:
    coco.edit(folder / "annotations" / "panoptic_val2017.json", change)
    with pytest.raises(FileError, match=rf"panoptic_val2017\.json: {message}") as error:
        opened(folder)
    assert "\n" not in str(error.value)


def test_two_segments_of_one_id_are_refused_when_read(folder: Path) -> None:
    def twice(values: dict[str, Any]) -> None:
        segments = first(values, "segments_info")["segments_info"]
        segments.append(segments[0])

    coco.edit(folder / "annotations" / "panoptic_val2017.json", twice)
    with pytest.raises(SampleError, match="two segments of one id"):
        opened(folder)[0]


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2]], "a polygon of 2 numbers"),
        ([[0, 0, 1e12, 0, 1e12, 1e12]], "leaves the picture"),
        ({"size": [4, 4], "counts": [16]}, "of a picture"),
        ({"size": [40, 48], "counts": "zzz"}, "run lengths"),
        ({"size": [40, 48]}, "counts"),
        ("../../x", "Expected"),
        ([["a"]], "Expected `float`"),
    ],
)
def test_a_thing_that_cannot_be_drawn_is_one_pictures_fault(
    folder: Path, segmentation: object, message: str
) -> None:
    def change(values: dict[str, Any]) -> None:
        thing = next(thing for thing in values["annotations"] if thing["id"] == 903)
        thing["segmentation"] = segmentation

    coco.edit(folder / "annotations" / "instances_val2017.json", change)
    source = opened(folder, mode="polygons")
    with pytest.raises(SampleError, match=rf"instances_val2017\.json: annotation 903: .*{message}"):
        source[0]
    assert source[1].mask is not None


def test_an_instances_json_of_another_shape_is_refused(folder: Path) -> None:
    file = folder / "annotations" / "instances_val2017.json"
    values = json.loads(file.read_text())
    for change, message in (
        ({"annotations": [{"id": 1}]}, r"missing required field"),
        ({"images": values["images"][:-1]}, "annotates image 9, which it does not list"),
        ({"images": [*values["images"], {**values["images"][0], "file_name": "b.jpg"}]}, "two images one id"),
        ({"images": [{**values["images"][0], "file_name": "../x.jpg"}]}, r"names the file '\.\./x\.jpg'"),
    ):
        file.write_text(json.dumps({**values, **change}))
        with pytest.raises(FileError, match=rf"instances_val2017\.json: .*{message}"):
            opened(folder, mode="polygons")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DiasError, match="is no JSON, or cut short"):
        opened(folder, mode="polygons")


@pytest.mark.parametrize("mode", ["instance", "panoptic", "polygons"])
def test_a_picture_without_an_annotation_is_kept_and_nobody_labelled_it(folder: Path, mode: str) -> None:
    def without(values: dict[str, Any]) -> None:
        values["annotations"] = [entry for entry in values["annotations"] if entry["image_id"] != 9]

    for kind in ("panoptic", "instances"):
        coco.edit(folder / "annotations" / f"{kind}_val2017.json", without)
    (folder / "annotations" / "panoptic_val2017" / "000000000009.png").unlink()
    source = opened(folder, mode=mode)
    assert len(source) == len(coco.PICTURES)
    found = sample(source, "000000000009.jpg")
    assert found.mask is not None
    assert not found.mask.any()
    assert found.ignore is not None
    assert found.ignore.all() == (mode != "polygons")  # where all that is not drawn is background
    assert found.classes is not None
    assert len(found.classes) == 0
