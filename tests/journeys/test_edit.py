"""`dias edit`, as a user meets it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from conftest import Said
from dias.backbones.frozen import BackboneConfig
from dias.checkpoints import save_model
from dias.models import ImageModelConfig
from dias.nn.decoders import DiffusionConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig
from dias.nn.tokenizers import ImageVQConfig
from dias.nn.tokenizers.autoencoders import ConvConfig

Dias = Callable[..., Said]


@pytest.fixture
def diffusion(tiny: Path, tmp_path: Path) -> Path:
    """A SlotDiffusion model of a kilobyte, not trained."""
    pytest.importorskip("diffusers")
    torch.manual_seed(0)
    config = ImageModelConfig(
        backbone=BackboneConfig(path=str(tiny / "vit"), input_size=28, precision="fp32"),
        channels=16,
        positions=16,
        queries=NormalSharedConfig(slots=3),
        aggregation=AggregationConfig(slot_dim=8, reduction=False, reinitialization=False),
        tokenizer=ImageVQConfig(code_dim=4, autoencoder=ConvConfig(width=8, blocks=1)),
        target="codes",
        decoder=DiffusionConfig(channels=(8, 8), layers=1, heads=2, sampling_steps=2),
    )
    file = tmp_path / "diffusion.safetensors"
    save_model(file, config.build(backbone=config.backbone.build()))
    return file


def test_sheets_of_a_diffusion_model(diffusion: Path, tiny: Path, tmp_path: Path, dias: Dias) -> None:
    pictures, out = sorted((tiny / "pictures" / "images").iterdir())[:3], tmp_path / "out"
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "broken.png").write_text("no picture")
    Image.new("RGB", (30, 30)).save(tmp_path / "more" / "black.png")
    said = dias("edit", diffusion, *pictures, tmp_path / "more", "--out", out, "--swap", "--remove")
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        str(out / f"{name}.png") for name in ("reconstruction", "remove", "swap")
    ]
    assert "skipped broken.png: " in said.err
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    assert dias("edit", diffusion, *pictures, tmp_path / "more", "--out", out, "--swap").code == 0
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert dias("edit", diffusion, *pictures, "--out", out, "--seed", 5).code == 0
    assert (out / "reconstruction.png").read_bytes() != before["reconstruction.png"]


def test_a_model_of_features_is_refused(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    line = dias("edit", tiny / "run", tiny / "pictures", "--out", tmp_path / "out").line
    assert "decoder of kind random_ar needs part of the tokens" in line
    assert "SlotDiffusion, SLATE or Slot Attention" in line
    assert not (tmp_path / "out").exists()
