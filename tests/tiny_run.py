"""A run of seconds: a random ViT of two layers, eight small pictures, a small model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image

from dias.config import from_dict
from dias.training.recipe import Recipe
from dias.training.run import Machine

QUIET = Machine(accelerator="cpu", logger="none", progress=False)


def make_files(folder: Path) -> Path:
    """`vit/`, and `pictures/` of coloured rectangles with masks."""
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
    )
    transformers.Dinov2Model(config).save_pretrained(folder / "vit")
    for part in ("images", "masks"):
        (folder / "pictures" / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(8):
        image = np.full((40, 48, 3), rng.integers(0, 256, 3), dtype=np.uint8)
        mask = np.zeros((40, 48), dtype=np.uint8)
        for label in (1, 2):
            y, x = rng.integers(0, 20, 2)
            image[y : y + 20, x : x + 20] = rng.integers(0, 256, 3)
            mask[y : y + 20, x : x + 20] = label
        Image.fromarray(image).save(folder / "pictures" / "images" / f"{i}.png")
        Image.fromarray(mask).save(folder / "pictures" / "masks" / f"{i}.png")
    return folder


def settings(folder: Path) -> dict[str, Any]:
    """What a recipe file for those would hold."""
    pictures = folder / "pictures"
    source = {"kind": "folder", "path": str(pictures / "images"), "masks": str(pictures / "masks")}
    return {
        "data": {"train": source, "validation": source, "size": 28, "workers": 0},
        "model": {
            "backbone": {"path": str(folder / "vit"), "input_size": 28, "precision": "fp32"},
            "channels": 16,
            "positions": 16,
            "pca": 8,
            "queries": {"kind": "separate", "slots": 4},
            "aggregation": {"slot_dim": 8, "bilevel": True, "threshold": 0.05},
            "decoder": {"kind": "random_ar", "layers": 1, "heads": 2, "width": 8},
        },
        "training": {"steps": 20, "batch": 4, "lr": 0.003, "validate_every": 10, "precision": "fp32"},
    }


def recipe(folder: Path, **changes: dict[str, Any]) -> Recipe:
    """The recipe, with changes such as `training={"steps": 3}`."""
    values = settings(folder)
    for section, change in changes.items():
        values.setdefault(section, {}).update(change)
    return from_dict(Recipe, values)


def journal(run: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl, without the clock."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
