"""A few small clips in the layouts that the archives of YouTube-VIS unpack into.

Traps: tracks that overlap, a track that is absent (null) or has no pixel in a frame, run lengths as a list
(2019) and as text, a clip of two frames only, a clip without a track, valid and test without annotations.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pycocotools import mask as coco

HEIGHT, WIDTH = 36, 48
CLIPS = {"0043f083b5": 6, "0062f687f1": 2, "00f88c4f0a": 5}  # frames
CATEGORIES = {
    "2019": ["person", "giant_panda", "lizard", "eagle"],
    "2021": ["airplane", "bear", "bird", "squirrel"],
}
TRACKS = [  # video, category, rectangle (x, y, width, height) of the first frame, which moves to the right
    (1, 3, (4, 4, 20, 20)),
    (1, 1, (14, 10, 16, 20)),  # over the first
    (2, 2, (0, 0, 48, 10)),
]


def write(folder: Path, edition: Literal["2019", "2021", "2022", "hq"] = "2019") -> Path:
    """Write the splits of an edition, or HQ's annotations together with the frames they are of."""
    if edition == "hq":
        _frames(folder / "train")
        for split in ("train", "val", "test"):
            _json(folder / f"ytvis_hq-{split}.json", "2019", annotated=True, text=True)
        return folder
    for split in ("train", "valid", "test"):
        _frames(folder / split)
        place = folder / f"{split}.json" if edition == "2019" else folder / split / "instances.json"
        _json(place, edition, annotated=split == "train", text=edition != "2019")
    if edition == "2022":
        _json(folder / "valid" / "gt.json", edition, annotated=True, text=True)
        _json(folder / "test" / "test_gt.json", edition, annotated=True, text=True)
    return folder


def mask_of(track: int, place: int) -> np.ndarray:
    """Pixels of a track in a frame, as it was drawn; the second is absent from frame 1, empty in frame 2."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    if track == 1 and place in (1, 2):
        return mask
    _, _, (x, y, width, height) = TRACKS[track]
    mask[y : y + height, x + place : x + place + width] = 1
    return mask


def counts_of(mask: np.ndarray) -> list[int]:
    """Run lengths, counted pixel by pixel."""
    counts, now = [0], 0
    for pixel in mask.T.ravel():
        if pixel != now:
            counts.append(0)
            now = pixel
        counts[-1] += 1
    return counts


def _frames(folder: Path) -> None:
    for number, (clip, frames) in enumerate(CLIPS.items(), start=1):
        (folder / "JPEGImages" / clip).mkdir(parents=True)
        for place in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), 40 * number, dtype=np.uint8)
            for track, (video, category, _) in enumerate(TRACKS):
                if video == number:
                    picture[mask_of(track, place) > 0] = 60 * category, 255 - 60 * category, 90
            Image.fromarray(picture).save(folder / "JPEGImages" / clip / f"{5 * place:05d}.jpg", quality=95)


def _json(file: Path, edition: str, *, annotated: bool, text: bool) -> None:
    names = CATEGORIES["2019" if edition == "2019" else "2021"]
    content: dict[str, Any] = {
        "info": {"description": "YouTube-VOS", "version": "1.0", "year": 2019},
        "licenses": [{"id": 1, "name": "Creative Commons Attribution 4.0 License"}],
        "videos": [
            {
                "id": number, "width": WIDTH, "height": HEIGHT, "length": frames, "license": 1,
                "file_names": [f"{clip}/{5 * place:05d}.jpg" for place in range(frames)],
                "date_captured": "2019-04-11 00:55:41.903902", "flickr_url": "", "coco_url": "",
            }
            for number, (clip, frames) in enumerate(CLIPS.items(), start=1)
        ],
        "categories": [
            {"id": number, "name": name, "supercategory": "object"}
            for number, name in enumerate(names, start=1)
        ],
    }  # fmt: skip
    if annotated:
        content["annotations"] = [_annotation(track, text=text) for track in range(len(TRACKS))]
    elif edition != "2019":
        content["annotations"] = None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def _annotation(track: int, *, text: bool) -> dict[str, Any]:
    video, category, _ = TRACKS[track]
    masks = [mask_of(track, place) for place in range(list(CLIPS.values())[video - 1])]
    absent = {1} if track == 1 else set()
    return {
        "id": track + 11, "video_id": video, "category_id": category, "iscrowd": 0,
        "width": WIDTH, "height": HEIGHT, "length": 1,
        "segmentations": [
            None if place in absent else _lengths(mask, text=text) for place, mask in enumerate(masks)
        ],
        "bboxes": [None if place in absent else [0.0, 0.0, 1.0, 1.0] for place in range(len(masks))],
        "areas": [None if place in absent else int(mask.sum()) for place, mask in enumerate(masks)],
    }  # fmt: skip


def _lengths(mask: np.ndarray, *, text: bool) -> dict[str, Any]:
    if not text:
        return {"counts": counts_of(mask), "size": [HEIGHT, WIDTH]}
    found = coco.encode(np.asfortranarray(mask))
    return {"counts": found["counts"].decode("ascii"), "size": found["size"]}
