"""Checkpoints of models of clips: they come back as they were, and are not taken for those of pictures."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers

from dias.backbones import BackboneConfig
from dias.checkpoints import CLIP_FORMAT, describe, load_clip_model, load_model, save_model
from dias.errors import CheckpointError
from dias.models import ClipModel, ClipModelConfig, Cues, ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.continuity import ContinuityConfig
from dias.nn.slots.cues import BoxesConfig
from dias.nn.slots.transitions import EncoderTransitionConfig, PairTransitionConfig

SMALL = ClipModelConfig(
    image=ImageModelConfig(
        channels=12,
        positions=16,
        pca=6,
        aggregation=AggregationConfig(slot_dim=8, threshold=0.3),
        decoder=RandomARConfig(layers=1, heads=2),
    ),
    transition=EncoderTransitionConfig(heads=2),
    continuity=ContinuityConfig(enter=0.07),
)
PAIR = replace(SMALL, transition=PairTransitionConfig(heads=2, window=3), cues=BoxesConfig())


def build(config: ClipModelConfig = SMALL) -> ClipModel:
    torch.manual_seed(0)
    return config.build().eval()


@pytest.mark.parametrize("config", [SMALL, PAIR])
def test_a_model_of_clips_comes_back_as_it_was(tmp_path: Path, config: ClipModelConfig) -> None:
    model, file = build(config), tmp_path / "m.safetensors"
    save_model(file, model, notes={"step": 7})
    torch.manual_seed(1)
    again = load_clip_model(file, with_backbone=False)
    assert again.config == config
    assert not any(part.training for part in again.modules())
    features = torch.randn(2, 3, 16, 12)
    cues = None
    if config.cues is not None:
        cues = Cues(places=torch.rand(2, 2, 4), there=torch.ones(2, 2, dtype=torch.bool))
    one, other = (
        part.from_features(features, cues=cues, generator=torch.Generator().manual_seed(1))
        for part in (model, again)
    )
    assert torch.equal(one.slots, other.slots)
    assert torch.equal(one.error, other.error)
    assert describe(file)["notes"] == {"step": 7}
    assert describe(file)["format"] == CLIP_FORMAT


def test_half_precision_is_stored_in_half(tmp_path: Path) -> None:
    for name, half in (("whole", False), ("half", True)):
        save_model(tmp_path / f"{name}.safetensors", build(), half=half)
    whole, half = (
        load_clip_model(tmp_path / f"{n}.safetensors", with_backbone=False) for n in ("whole", "half")
    )
    for name, value in whole.head_state().items():
        torch.testing.assert_close(half.head_state()[name], value, rtol=1e-3, atol=1e-3)
    assert (tmp_path / "half.safetensors").stat().st_size < (tmp_path / "whole.safetensors").stat().st_size


def test_the_backbone_stays_out_and_must_be_the_one_of_training(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("other", 1)):
        torch.manual_seed(seed)
        settings = transformers.Dinov2Config(
            hidden_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=7
        )
        transformers.Dinov2Model(settings).save_pretrained(tmp_path / name)
    backbone = BackboneConfig(path=str(tmp_path / "one"), input_size=28)
    config = replace(SMALL, image=replace(SMALL.image, backbone=backbone))
    file = tmp_path / "m.safetensors"
    save_model(file, config.build(backbone=backbone.build()))
    again = load_clip_model(file)
    assert again.image.backbone is not None
    assert not any("backbone" in name for name in again.head_state())
    assert load_clip_model(file, backbone=again.image.backbone).image.backbone is again.image.backbone
    with pytest.raises(CheckpointError, match=r"was trained on backbone weights .*give the right ones"):
        load_clip_model(file, weights=str(tmp_path / "other"))


def test_clips_and_pictures_are_told_apart_in_a_line(tmp_path: Path) -> None:
    clips, pictures = tmp_path / "clips.safetensors", tmp_path / "pictures.safetensors"
    save_model(clips, build())
    save_model(pictures, build().image)
    with pytest.raises(CheckpointError, match=r"holds a model of clips, not of pictures; use it on videos"):
        load_model(clips, with_backbone=False)
    with pytest.raises(CheckpointError, match="holds a model of pictures, not of clips; give one that"):
        load_clip_model(pictures, with_backbone=False)
    whole = clips.read_bytes()
    clips.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="is no readable safetensors file"):
        load_clip_model(clips)
