"""COCO 2017: photos of everyday scenes with 80 kinds of things and 53 of stuff (cocodataset.org)."""

from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from dias.config import STRICT
from dias.data.samples import ImageSource
from dias.data.sources.coco.layout import SPLITS, Split, instances_file, panoptic_file
from dias.data.sources.coco.panoptic import PanopticCoco
from dias.data.sources.coco.polygons import PolygonCoco
from dias.data.sources.contract import Use

__all__ = ["CocoConfig", "PanopticCoco", "PolygonCoco"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CocoConfig:
    """Settings of COCO 2017, as its archives unpack.

    Attributes:
        path: folder with `train2017/`, `val2017/` and `annotations/`.
        split: train2017 or val2017.
        mode: instance: of the panoptic annotation, each thing is an object and all stuff background.
            panoptic: each thing and each kind of stuff is an object; there is no background.
            polygons: the things of `instances_*.json`, all else is background. Where some overlap, the one
            that is listed first has the pixels, and they are ignored (as in SPOT and DINOSAUR).
            In the panoptic annotation nothing overlaps; its unlabelled pixels are ignored.
        crowd: whether a region that holds a crowd of things is kept as one object, or ignored. None: kept in
            the panoptic annotation (as in the reference of DIAS), ignored among polygons.
    """

    kind: Literal["coco"] = "coco"
    path: str
    split: Split = "train2017"
    mode: Literal["instance", "panoptic", "polygons"] = "instance"
    crowd: Literal["keep", "ignore"] | None = None

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "CocoConfig | None":
        """Where `annotations/` has a file of 2017; polygons only where there is no panoptic annotation."""
        split: Split = "train2017" if use == "train" else "val2017"
        if any(panoptic_file(path, each).is_file() for each in SPLITS):
            return cls(path=str(path), split=split)
        if any(instances_file(path, each).is_file() for each in SPLITS):
            return cls(path=str(path), split=split, mode="polygons")
        return None

    def splits(self) -> tuple[str, ...]:
        """Those with an annotation or a folder of pictures; opening says which of them is missing."""
        path = Path(self.path).expanduser()
        named = instances_file if self.mode == "polygons" else panoptic_file
        return tuple(split for split in SPLITS if named(path, split).is_file() or (path / split).is_dir())

    def build(self) -> ImageSource:
        """Read the annotation and list the pictures.

        Raises:
            FileError: a file or a folder is missing, or the annotation is damaged.
        """
        path = Path(self.path).expanduser()
        if self.mode == "polygons":
            return PolygonCoco(path, self.split, keep_crowds=self.crowd == "keep")
        return PanopticCoco(
            path, self.split, stuff=self.mode == "panoptic", keep_crowds=self.crowd != "ignore"
        )
