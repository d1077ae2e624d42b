"""SlotDiffusion trained by one command, then `dias edit`, as a user meets them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from conftest import Said

Dias = Callable[..., Said]
CHANGES = {
    "earlier": {"kind": "tokenizer", "training": {"steps": 2, "batch": 4, "validate_every": 2}},
    "model": {
        "aggregation": {"slot_dim": 8, "reduction": False, "reinitialization": False},
        "tokenizer": {
            "kind": "image_vq",
            "code_dim": 4,
            "autoencoder": {"kind": "conv", "width": 8, "blocks": 1},
        },
        "target": "codes",
        "decoder": {"kind": "diffusion", "channels": [8, 8], "layers": 1, "heads": 2, "sampling_steps": 2},
    },
    "objective": {"distillation": "none"},
    "training": {"steps": 2, "batch": 4, "validate_every": 2, "precision": "fp32"},
}


@pytest.fixture
def diffusion(tiny: Path, tmp_path: Path, dias: Dias) -> Path:
    """A run of SlotDiffusion, both stages two steps long."""
    pytest.importorskip("diffusers")
    settings = yaml.safe_load((tiny / "recipe.yaml").read_text())
    settings["model"] |= CHANGES["model"]
    settings |= {name: value for name, value in CHANGES.items() if name != "model"}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(settings))
    run = tmp_path / "run"
    said = dias("train", tmp_path / "recipe.yaml", "--out", run, "--accelerator", "cpu", "--logger", "none")
    assert said.code == 0, said.err
    errors = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < line["reconstruction"] < 3 for line in errors if "reconstruction" in line)
    return run


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
    assert "cannot be written" in dias("edit", diffusion, *pictures, "--out", tmp_path / "recipe.yaml").line


def test_a_model_of_features_is_refused(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    line = dias("edit", tiny / "run", tiny / "pictures", "--out", tmp_path / "out").line
    assert "decoder of kind random_ar needs part of the tokens" in line
    assert "SlotDiffusion, SLATE or Slot Attention" in line
    assert not (tmp_path / "out").exists()


def test_sheets_may_not_lie_among_the_pictures(tiny: Path, dias: Dias) -> None:
    out = tiny / "pictures" / "edits"
    assert f"lies in {tiny / 'pictures'}" in dias("edit", tiny / "run", tiny / "pictures", "--out", out).line
    assert not out.exists()
