"""`--data PATH`: what stays of a recipe's data settings."""

import shutil
from pathlib import Path
from typing import Any

from dias.config import from_dict, read_yaml
from dias.training.elsewhere import data_at
from dias.training.recipe import DataConfig, recipe_file
from miniatures import coco, voc, ytvis


def shipped(name: str) -> Any:
    return read_yaml(recipe_file(name))["data"]


def at(path: Path, data: Any, *settings: str) -> DataConfig:
    """The recipe's data section there, checked."""
    return from_dict(DataConfig, data | data_at(path, data, settings=settings))


def test_a_recipe_keeps_its_split_at_another_path(tmp_path: Path) -> None:
    voc.write(tmp_path)
    found = at(tmp_path, shipped("voc"))
    assert (found.train.path, found.train.split, found.train.year) == (str(tmp_path), "trainval", 2012)
    assert found.validation is None
    assert found.size == 256


def test_what_the_user_says_comes_first(tmp_path: Path) -> None:
    voc.write(tmp_path)
    found = at(tmp_path, shipped("voc"), "split=train", "mode=class")
    assert (found.train.split, found.train.mode) == ("train", "class")


def test_validation_of_the_same_place_moves_along(tmp_path: Path) -> None:
    train = {"kind": "voc", "path": "data/VOCdevkit", "split": "train", "mode": "class"}
    both = {"train": train, "validation": train | {"split": "val"}}
    voc.write(tmp_path)
    found = at(tmp_path, both)
    assert (found.train.split, found.validation.split) == ("train", "val")
    assert found.validation.path == str(tmp_path)
    assert at(tmp_path, both, "mode=none").validation.mode == "none"
    assert at(tmp_path, both, "split=trainval").validation.split == "val"
    assert at(tmp_path, both, "split=val").validation is None  # never what is trained on
    elsewhere = both | {"validation": {"kind": "voc", "path": "another"}}
    assert at(tmp_path, elsewhere).validation is None


def test_what_the_files_do_not_allow_is_as_they_say(tmp_path: Path) -> None:
    coco.write(tmp_path / "coco")
    assert at(tmp_path / "coco", shipped("coco")).train.mode == "instance"
    for file in (tmp_path / "coco" / "annotations").glob("panoptic_*.json"):
        file.unlink()
    assert at(tmp_path / "coco", shipped("coco")).train.mode == "polygons"
    voc.write(tmp_path, 2007)
    assert at(tmp_path, shipped("voc")).train.year == 2007
    ytvis.write(tmp_path / "plain", "2021")
    assert not at(tmp_path / "plain", shipped("ytvis")).train.hq
    (tmp_path / "VOCdevkit" / "VOC2007" / "ImageSets" / "Segmentation" / "trainval.txt").unlink()
    assert at(tmp_path, shipped("voc")).train.split == "train"


def test_another_kind_is_taken_as_it_is_found(tmp_path: Path) -> None:
    coco.write(tmp_path)
    found = at(tmp_path, shipped("clevrtex"))
    assert (found.train.kind, found.train.split, found.validation) == ("coco", "train2017", None)
    pictures = tmp_path / "pictures"
    shutil.copytree(tmp_path / "train2017", pictures)
    assert at(pictures, shipped("coco")).train.kind == "folder"
