"""A few rendered scenes as `dias synth images` writes them, drawn without OpenGL."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 20


def write(folder: Path, *, count: int = 3) -> Path:
    """Write scenes of two objects each: a box from (2, 2) to (7, 7), another from (10, 8) to (18, 16)."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
    mask[2:7, 2:7], mask[8:16, 10:18] = 1, 2
    lines = []
    for index in range(count):
        name = f"{index:06d}.png"
        Image.fromarray(np.stack([mask * 90, mask * 60 + index, mask], axis=2)).save(folder / "images" / name)
        Image.fromarray(mask).save(folder / "masks" / name)
        things = [
            {"class": 1, "shape": "box", "box": [0.1, 0.1, 0.35, 0.35], "visible": 0.0625},
            {"class": 0, "shape": "sphere", "box": [0.5, 0.4, 0.9, 0.8], "visible": 0.16},
        ]
        lines.append(json.dumps({"scene": index, "objects": things}))
    (folder / "objects.jsonl").write_text("".join(f"{line}\n" for line in lines))
    settings = {"count": count, "seed": 0, "size": SIZE, "objects": [2, 2], "format": "png", "depth": False}
    (folder / "scenes.json").write_text(json.dumps({"format": "dias-scenes-1", "settings": settings}))
    return folder
