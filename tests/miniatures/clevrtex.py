"""ClevrTex as its archives unpack: six PNGs and a JSON a scene, a thousand scenes a folder."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

# The colours of the authors' generator: palette index i is object i of the scene's JSON.
PALETTE = [
    (0, 0, 0), (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0), (141, 211, 199), (255, 255, 179),
    (190, 186, 218), (251, 128, 114), (128, 177, 211), (253, 180, 98), (179, 222, 105), (252, 205, 229),
]  # fmt: skip
NUMBERS = (0, 4_999, 5_000, 9_999, *range(10_000, 10_008))  # two of test, two of val, eight of train
HEIGHT, WIDTH = 30, 40


def write(
    folder: Path, variant: str = "full", *, numbers: Sequence[int] = NUMBERS, background: bool = True
) -> Path:
    """Write `folder/clevrtex_VARIANT` and give it."""
    place = folder / f"clevrtex_{variant}"
    for number in numbers:
        indices = objects(number, background=background)
        stem = place / str(number // 1_000) / f"CLEVRTEX_{variant}_{number:06d}"
        stem.parent.mkdir(parents=True, exist_ok=True)
        colours = np.array(PALETTE, dtype=np.uint8)[indices]
        opaque = np.full((HEIGHT, WIDTH, 1), 255, dtype=np.uint8)
        Image.fromarray(np.concatenate([colours // 2 + 40, opaque], axis=2)).save(f"{stem}.png")
        flat = Image.fromarray(indices)
        flat.putpalette([value for colour in PALETTE for value in colour])
        flat.save(f"{stem}_flat.png")
        for part in ("albedo", "normal"):
            Image.fromarray(colours).save(f"{stem}_{part}_0001.png")
        for part in ("depth", "shadow"):
            Image.fromarray(indices * 20).save(f"{stem}_{part}_0001.png")
        found = [{"index": int(index), "shape": "cube"} for index in np.unique(indices) if index]
        stem.with_name(f"{stem.name}.json").write_text(json.dumps({"objects": found, "image_index": number}))
    return place


def objects(number: int, *, background: bool = True) -> np.ndarray:
    """Palette index of each pixel: three objects, of which one may be hidden by another."""
    rng = np.random.default_rng(number)
    indices = np.full((HEIGHT, WIDTH), 0 if background else 4, dtype=np.uint8)
    for index in (3, 1, 2):
        y, x = rng.integers(0, HEIGHT - 10), rng.integers(0, WIDTH - 12)
        indices[y : y + 10, x : x + 12] = index
    return indices
