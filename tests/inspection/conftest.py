"""Data sets to look at."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toy_clips import ToyClipsConfig, make_toy_clips


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve photos of 40 x 30 pixels; photo i has i % 4 objects of 10 x 10 pixels."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (12, 30, 40, 3), dtype=np.uint8)
    for i in range(12):
        mask = np.zeros((30, 40), dtype=np.uint8)
        for number in range(1, i % 4 + 1):
            mask[:10, 10 * number : 10 * number + 10] = number
        Image.fromarray(noise[i]).save(tmp_path / "images" / f"{i:02d}.jpg")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i:02d}.png")
    return tmp_path


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("dias.data.sources._RECOGNISED", (ToyClipsConfig,))
    return make_toy_clips(tmp_path / "toys")
