"""What the clip rivals need of a run beyond DIAS's: similarities in the loss, flow in the batches, stages."""

from pathlib import Path
from typing import Any

import pytest

from dias.checkpoints import load_clip_model
from dias.data.frames import images_of
from dias.errors import DiasError
from dias.features import Views, build_cache
from dias.training.run import train
from tiny_clip_run import first_logged, make_files, recipe
from tiny_run import QUIET, journal

SHORT = {"steps": 10, "validate_every": 10}  # a line of the journal each ten
MIXER = {"kind": "slot_mixer", "layers": 1, "heads": 2, "hidden": 8}
CONV = {"kind": "conv", "width": 8, "blocks": 1, "fine_blocks": 0}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("tiny"))


def test_similarities_are_trained_and_asked_of_a_decoder_that_predicts_them(
    files: Path, tmp_path: Path
) -> None:
    objective = {"distillation": "none", "similarity_weight": 0.1, "similarity_temperature": 0.075}
    part = recipe(files, model={"decoder": MIXER | {"similarity": True}}, objective=objective, training=SHORT)
    train(part, tmp_path / "run", machine=QUIET)
    assert all(0 < line["similarity"] < 1 for line in journal(tmp_path / "run") if "similarity" in line)
    assert any("similarity" in line for line in journal(tmp_path / "run"))
    assert load_clip_model(tmp_path / "run").config.image.decoder.similarity
    part = recipe(files, model={"decoder": MIXER}, objective=objective, training=SHORT)
    with pytest.raises(DiasError, match=r"similarity_weight: 0\.1 but the decoder predicts no similarities"):
        train(part, tmp_path / "other", machine=QUIET)


def test_keys_from_a_cache_train_like_those_of_the_frames(files: Path, tmp_path: Path) -> None:
    objective = {"distillation": "none", "similarity_weight": 1.0, "similarity_temperature": 0.01}
    vit = {"path": str(files / "vit"), "input_size": 28, "precision": "fp32", "keys": True}
    model = {"backbone": vit, "decoder": MIXER | {"similarity": True}}
    live = recipe(files, data={"views": 2}, model=model, objective=objective, training=SHORT)
    frames, views = images_of(live.data.train.build()), Views(number=2, size=28, seed=42)
    build_cache(frames, live.model.backbone.build(), tmp_path / "cache", views=views, progress=False)
    cached = recipe(
        files, data={"cache": str(tmp_path / "cache")}, model=model, objective=objective, training=SHORT
    )
    one, other = first_logged("similarity", live, cached, place=tmp_path / "runs")
    assert one == pytest.approx(other, rel=2**-8)


def test_savi_explains_the_flow_of_rendered_clips(files: Path, tmp_path: Path) -> None:
    pixels: dict[str, Any] = {
        "backbone": {"kind": "pixels", "input_size": 16},
        "channels": 3,
        "positions": 256,
        "pca": None,
        "projection": {"kind": "cnn", "width": 8, "strides": [1]},
        "aggregation": {"slot_dim": 8, "iterations": 1, "reduction": False, "reinitialization": False},
        "target": "flow",
        "decoder": {"kind": "pixel_broadcast", "start": 8, "width": 8},
    }
    clips = {name: {"kind": "clips", "path": f"data/clips/{name}"} for name in ("crossing", "behind", "val")}
    data = {"train": clips["crossing"] | {"flow": True}, "validation": clips["behind"], "size": 16}
    clip = {"continuity": {"iterations": 1}, "cues": {"kind": "boxes"}}
    settings: dict[str, Any] = {"model": pixels, "clip": clip, "training": SHORT}
    train(recipe(files, data=data, **settings), tmp_path / "run", machine=QUIET)
    lines = [line for line in journal(tmp_path / "run") if "reconstruction" in line]
    assert 0 < lines[-1]["reconstruction"] < 2  # of colours from 0 to 1
    without = data | {"train": clips["val"]}  # ships without
    with pytest.raises(DiasError, match="has no optical flow"):
        train(recipe(files, data=without, **settings), tmp_path / "other", machine=QUIET)


def test_steves_tokenizer_is_trained_on_frames_by_the_same_command(files: Path, tmp_path: Path) -> None:
    model = {
        "aggregation": {"slot_dim": 8, "iterations": 1, "reduction": False, "reinitialization": False},
        "tokenizer": {"kind": "dvae", "codes": 8, "code_dim": 8, "autoencoder": CONV},
        "target": "codes",
        "decoder": {"kind": "code_ar", "layers": 1, "heads": 2},
    }
    earlier = {"kind": "tokenizer", "training": SHORT | {"batch": 4}}
    clip = {"continuity": {"iterations": 1}}
    train(recipe(files, model=model, clip=clip, earlier=earlier, training=SHORT), tmp_path, machine=QUIET)
    assert (tmp_path / "tokenizer" / "best.safetensors").is_file()
    assert load_clip_model(tmp_path).image.tokenizer is not None
