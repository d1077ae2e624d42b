"""A random ViT or two, and seven pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from dias.backbones import FrozenBackbone
from small_caches import COUNT, build


@pytest.fixture(scope="module")
def vits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of tiny random weights: `one` and `two`."""
    folder = tmp_path_factory.mktemp("vits")
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        config = transformers.Dinov2Config(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
        )
        model = transformers.Dinov2Model(config)
        model.save_pretrained(folder / name)
    return folder


@pytest.fixture
def backbone(vits: Path) -> FrozenBackbone:
    return build(vits / "one")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (40 + i, 60 - i, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder
