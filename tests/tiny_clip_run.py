"""A run on clips, of seconds: the random ViT of `tiny_run`, small clips of squares, a small model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import tiny_run
from dias.config import from_dict
from dias.training.recipe import Recipe
from dias.training.run import train

SIZE, FRAMES = 28, 7


def make_files(folder: Path, *, train: int = 5, val: int = 2) -> Path:
    """`vit/`, and `train/` and `val/` as `dias synth videos` lays clips out."""
    tiny_run.make_files(folder)
    for seed, (split, count) in enumerate((("train", train), ("val", val))):
        make_clips(folder / split, count, seed=seed)
    return folder


def make_clips(folder: Path, count: int, *, seed: int) -> None:
    """Clips of a square that goes right by three pixels a frame, and one that stays."""
    rng, lines = np.random.default_rng(seed), []
    for clip in range(count):
        corners = np.zeros((2, FRAMES, 2), dtype=int)
        corners[0] = [(2, 1 + 3 * frame) for frame in range(FRAMES)]
        corners[1] = (16, 3 + 2 * clip)
        ground, *colours = rng.integers(0, 256, (3, 3))
        for part in ("frames", "masks"):
            (folder / part / f"{clip:06d}").mkdir(parents=True)
        for frame in range(FRAMES):
            image, mask = np.full((SIZE, SIZE, 3), ground, dtype=np.uint8), np.zeros((SIZE, SIZE), np.uint8)
            for thing, (y, x) in enumerate(corners[:, frame]):
                image[y : y + 8, x : x + 8], mask[y : y + 8, x : x + 8] = colours[thing], thing + 1
            Image.fromarray(image).save(folder / "frames" / f"{clip:06d}" / f"{frame:05d}.png")
            Image.fromarray(mask).save(folder / "masks" / f"{clip:06d}" / f"{frame:05d}.png")
        boxes = [[[int(x), int(y), int(x) + 8, int(y) + 8] for y, x in thing] for thing in corners]
        things = [{"class": 1, "shape": "box", "boxes": thing} for thing in boxes]
        lines.append(json.dumps({"clip": clip, "objects": things, "contacts": [], "camera": []}) + "\n")
    (folder / "objects.jsonl").write_text("".join(lines))
    settings = {
        "count": count,
        "size": SIZE,
        "frames": FRAMES,
        "format": "png",
        "depth": False,
        "flow": False,
    }
    (folder / "clips.json").write_text(json.dumps({"format": "dias-clips-1", "settings": settings}))


def settings(folder: Path) -> dict[str, Any]:
    """What a recipe file for those would hold."""
    of_pictures = tiny_run.settings(folder)
    split = {name: {"kind": "clips", "path": str(folder / name)} for name in ("train", "val")}
    return of_pictures | {
        "data": {"train": split["train"], "validation": split["val"], "size": 28, "workers": 0},
        "clip": {"frames": 3, "stride": 2, "transition": {"kind": "encoder", "heads": 2}},
        "training": of_pictures["training"] | {"steps": 12, "validate_every": 6},
    }


def recipe(folder: Path, **changes: dict[str, Any]) -> Recipe:
    """The recipe, with changes such as `training={"steps": 3}`."""
    values = settings(folder)
    for section, change in changes.items():
        values.setdefault(section, {}).update(change)
    return from_dict(Recipe, values)


def first_logged(name: str, *recipes: Recipe, place: Path) -> list[float]:
    """Train each in a folder of its own in `place`; what each journal says first of a number."""
    found = []
    for number, one in enumerate(recipes):
        train(one, place / str(number), machine=tiny_run.QUIET)
        found.append(next(line[name] for line in tiny_run.journal(place / str(number)) if name in line))
    return found
