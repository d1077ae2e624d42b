"""COCO 2017 as its archives unpack, in both annotations; the run lengths are made by pycocotools."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

HEIGHT, WIDTH = 40, 48
CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "person", "isthing": 1},
    {"id": 18, "name": "dog", "supercategory": "animal", "isthing": 1},
    {"id": 184, "name": "tree-merged", "supercategory": "plant", "isthing": 0},
    {"id": 187, "name": "sky-other-merged", "supercategory": "sky", "isthing": 0},
]


@dataclass(frozen=True)
class Part:
    """A rectangle of a picture: x0, y0, x1, y1."""

    category: int
    box: tuple[int, int, int, int]
    crowd: bool = False

    def region(self) -> np.ndarray:
        drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        x0, y0, x1, y1 = self.box
        drawn[y0:y1, x0:x1] = 1
        return drawn


SKY, TREE = Part(187, (0, 0, 48, 16)), Part(184, (0, 16, 48, 36))  # the four lowest rows are unlabelled
# What is painted later lies over what was painted before.
PICTURES: dict[str, list[Part]] = {
    "000000000009.jpg": [SKY, TREE, Part(1, (4, 4, 20, 30)), Part(18, (14, 20, 40, 38))],  # two overlap
    "000000000025.jpg": [SKY, TREE, Part(1, (8, 8, 40, 30), crowd=True)],  # nothing but a crowd
    "000000000030.jpg": [SKY, TREE],  # no thing
    "000000000042.jpg": [Part(18, (10, 10, 30, 30))],  # grey; much is unlabelled
    "000000000061.jpg": [SKY, Part(1, (0, 0, 48, 40), crowd=True), Part(1, (2, 2, 12, 20))],
    "000000000064.jpg": [],  # nothing is labelled
}
GREY = "000000000042.jpg"


def write(
    folder: Path,
    *,
    splits: tuple[str, ...] = ("train2017", "val2017"),
    copies: int = 1,
    beside: bool = False,
) -> Path:
    """Write `train2017/`, `val2017/`, `annotations/`.

    Args:
        folder: where.
        splits: which halves.
        copies: of each picture, under numbers of their own.
        beside: the panoptic PNGs lie beside the pictures, not in `annotations/`.
    """
    for split in splits:
        pictures = {
            f"{int(name[:-4]) + 1_000 * copy:012d}.jpg": parts
            for copy in range(copies)
            for name, parts in PICTURES.items()
        }
        pngs = (folder if beside else folder / "annotations") / f"panoptic_{split}"
        for place in (folder / split, folder / "annotations", pngs):
            place.mkdir(parents=True, exist_ok=True)
        for name, parts in pictures.items():
            _picture(parts, grey=name[-6:] == GREY[-6:]).save(folder / split / name, quality=95)
            Image.fromarray(_colours(parts)).save(pngs / f"{name[:-4]}.png")
        _write_json(folder / "annotations" / f"panoptic_{split}.json", _panoptic(pictures))
        _write_json(folder / "annotations" / f"instances_{split}.json", _instances(pictures))
    return folder


def edit(file: Path, change: Any) -> None:
    """Let `change` alter the values of a JSON file."""
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


def segment_id(place: int) -> int:
    """Panoptic number of a picture's part: needs all three channels of the PNG."""
    return 5_000_000 - 300_007 * place


def labels(parts: list[Part]) -> np.ndarray:
    """Place of the part that each pixel shows, from 1; 0 where there is none."""
    shown = np.zeros((HEIGHT, WIDTH), dtype=np.int64)
    for place, part in enumerate(parts, start=1):
        shown[part.region() > 0] = place
    return shown


def _colours(parts: list[Part]) -> np.ndarray:
    shown = labels(parts)
    codes = np.where(shown > 0, segment_id(shown), 0)
    return np.stack([codes % 256, codes // 256 % 256, codes // 65_536], axis=2).astype(np.uint8)


def _picture(parts: list[Part], *, grey: bool) -> Image.Image:
    shown = (labels(parts) * 40 + 30).astype(np.uint8)
    image = Image.fromarray(np.stack([shown, 255 - shown, shown // 2], axis=2))
    return image.convert("L") if grey else image


def _panoptic(pictures: dict[str, list[Part]]) -> dict[str, Any]:
    entries = []
    for name, parts in pictures.items():
        seen = [place for place in range(1, len(parts) + 1) if (labels(parts) == place).any()]
        segments = [
            {
                "id": segment_id(place),
                "category_id": parts[place - 1].category,
                "iscrowd": int(parts[place - 1].crowd),
                "area": int((labels(parts) == place).sum()),
                "bbox": [0, 0, 1, 1],
            }
            for place in seen
        ]
        entries.append(
            {"image_id": int(name[:-4]), "file_name": f"{name[:-4]}.png", "segments_info": segments}
        )
    return {"info": {}, "images": _images(pictures), "annotations": entries, "categories": CATEGORIES}


def _instances(pictures: dict[str, list[Part]]) -> dict[str, Any]:
    """Things only; a person is a polygon, a dog compressed run lengths, a crowd plain ones."""
    found = []
    for name, parts in pictures.items():
        for place, part in enumerate(parts, start=1):
            if part.category < 100:
                x0, y0, x1, y1 = part.box
                lengths = coco.encode(np.asfortranarray(part.region()))
                segmentation: Any = [[x0, y0, x1, y0, x1, y1, x0, y1]]
                if part.category == 18:
                    segmentation = {"size": lengths["size"], "counts": lengths["counts"].decode()}
                if part.crowd:
                    segmentation = {"size": lengths["size"], "counts": _plain(part.region())}
                found.append(
                    {
                        "id": int(name[:-4]) * 100 + place,
                        "image_id": int(name[:-4]),
                        "category_id": part.category,
                        "iscrowd": int(part.crowd),
                        "area": float(part.region().sum()),
                        "bbox": [x0, y0, x1 - x0, y1 - y0],
                        "segmentation": segmentation,
                    }
                )
    found.reverse()  # COCO's file is in no order of pictures
    return {"info": {}, "images": _images(pictures), "annotations": found, "categories": CATEGORIES[:2]}


def _plain(region: np.ndarray) -> list[int]:
    pixels = region.T.reshape(-1)
    ends = [*np.flatnonzero(np.diff(pixels)) + 1, len(pixels)]
    lengths = np.diff([0, *ends]).tolist()
    return [0, *lengths] if pixels[0] else lengths


def _images(pictures: dict[str, list[Part]]) -> list[dict[str, Any]]:
    found = [
        {"id": int(name[:-4]), "file_name": name, "height": HEIGHT, "width": WIDTH, "license": 1}
        for name in pictures
    ]
    return found[::-1]


def _write_json(file: Path, values: dict[str, Any]) -> None:
    file.write_text(json.dumps(values))
