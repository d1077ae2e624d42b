"""A few rendered clips as `dias synth videos` writes them, drawn without OpenGL."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE, FRAMES = 20, 3


def write(folder: Path, *, count: int = 2) -> Path:
    """Write clips of two objects: a box that goes right by two pixels a frame, and one that comes last."""
    for index in range(count):
        for part in ("frames", "masks", "depth", "flow"):
            (folder / part / f"{index:06d}").mkdir(parents=True)
        for frame in range(FRAMES):
            mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
            mask[2:7, 2 + 2 * frame : 7 + 2 * frame] = 1
            mask[10:14, 0:4] = 2 * (frame == FRAMES - 1)
            flow = np.full((2, SIZE, SIZE), 32_768, dtype=np.uint16)
            flow[0][mask == 1] += 2 * 64
            flow[:, -1, -1] = 0
            name = f"{index:06d}/{frame:05d}.png"
            picture = np.stack([mask * 90, mask * 60 + index, mask], axis=2)
            Image.fromarray(picture).save(folder / "frames" / name)
            Image.fromarray(mask).save(folder / "masks" / name)
            depth = (4000 - 500 * mask.astype(np.uint16)).astype(np.uint16)
            Image.fromarray(depth).save(folder / "depth" / name)
            Image.fromarray(flow.reshape(2 * SIZE, SIZE)).save(folder / "flow" / name)
    things = [
        {"class": 1, "shape": "box", "boxes": [[2 + 2 * t, 2, 7 + 2 * t, 7] for t in range(FRAMES)]},
        {"class": 0, "shape": "sphere", "boxes": [[0, 0, 0, 0]] * (FRAMES - 1) + [[0, 10, 4, 14]]},
    ]
    contacts = [{"frame": 1, "objects": [0, 1], "force": 12.5, "position": [0.0, 0.1, 0.2]}]
    lines = [
        json.dumps({"clip": index, "objects": things, "contacts": contacts, "camera": []})
        for index in range(count)
    ]
    (folder / "objects.jsonl").write_text("".join(f"{line}\n" for line in lines))
    settings = {"count": count, "size": SIZE, "frames": FRAMES, "format": "png", "depth": True, "flow": True}
    (folder / "clips.json").write_text(json.dumps({"format": "dias-clips-1", "settings": settings}))
    return folder
