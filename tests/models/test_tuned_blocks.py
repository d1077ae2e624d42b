"""A model with last blocks of its own: what it sees is trained, what it explains is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dias.checkpoints import load_model, save_model
from dias.data.sources import ImageFolderConfig
from dias.errors import DiasError, SettingError
from dias.evaluation.run import Candidate, evaluate, evaluate_all
from dias.inference.segment import Segmenter
from dias.models import ImageModel, ImageModelConfig
from tiny_run import make_files, recipe


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


def build(files: Path, **changes: object) -> ImageModel:
    """The same weights every time, but for the blocks of its own."""
    config = replace(recipe(files).model, **{"tuned_blocks": 1, "pca": None} | changes)
    torch.manual_seed(0)
    return config.build(backbone=config.backbone.build()).eval()


def moved(model: ImageModel) -> ImageModel:
    """As after training: its blocks are others."""
    assert model.last_blocks is not None
    chance = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.last_blocks.blocks.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=chance)
    return model


def pictures(size: int = 28) -> Tensor:
    shape = (2, 3, size, size)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1)).to(torch.uint8)


@pytest.mark.parametrize("pca", [None, 8])
def test_before_training_it_is_the_model_without(files: Path, pca: int | None) -> None:
    own, without = build(files, pca=pca), build(files, tuned_blocks=0, pca=pca)
    one, other = own(pictures())[0], without(pictures())[0]
    torch.testing.assert_close(one.slots, other.slots)
    torch.testing.assert_close(one.decoder_attention, other.decoder_attention)


@pytest.mark.parametrize("pca", [None, 8])
def test_the_slots_see_its_blocks_and_the_target_stays_frozen(files: Path, pca: int | None) -> None:
    """By hand: own features through the same reduction as the target, then projection and aggregation."""
    model, without = moved(build(files, pca=pca)), build(files, tuned_blocks=0, pca=pca)
    found, frozen = model(pictures())[0], without(pictures())[0]
    assert found.target is not None
    assert frozen.target is not None
    assert torch.equal(found.target.tokens, frozen.target.tokens)
    seen = model.see(pictures())
    assert seen.unfinished is not None
    assert model.last_blocks is not None
    features = model.reduce_features(model.last_blocks(seen.unfinished, seen.grid))
    expected = model.aggregation(model.projection(features), model.queries(2))
    torch.testing.assert_close(found.slots, expected.slots)
    assert (found.slots - frozen.slots).abs().max() > 1e-3


def test_all_its_weights_are_trained_and_the_backbone_is_not(files: Path) -> None:
    model = build(files).train()
    out = model(pictures())[0]
    assert out.error is not None
    out.error.mean().backward()
    trained = {name for name, value in model.named_parameters() if value.grad is not None}
    assert trained == {name for name, _ in model.named_parameters() if not name.startswith("backbone.")}
    assert any(name.startswith("last_blocks.blocks.0.") for name in trained)


def test_a_checkpoint_has_its_blocks(files: Path, tmp_path: Path) -> None:
    model = moved(build(files))
    save_model(tmp_path / "m.safetensors", model)
    again = load_model(tmp_path / "m.safetensors")
    torch.testing.assert_close(again(pictures())[0].slots, model(pictures())[0].slots)
    with pytest.raises(SettingError, match=r"model\.tuned_blocks: 1 needs the ViT"):
        load_model(tmp_path / "m.safetensors", with_backbone=False)


def test_features_alone_are_refused(files: Path) -> None:
    with pytest.raises(DiasError, match=r"model\.tuned_blocks.*give the pictures"):
        build(files).from_features(torch.zeros(1, 16, 16))


def test_settings_without_the_key_are_read_as_none(files: Path) -> None:
    assert ImageModelConfig().tuned_blocks == 0
    assert build(files, tuned_blocks=0).last_blocks is None


def test_pictures_of_any_size_are_segmented_with_its_blocks(files: Path) -> None:
    image = pictures(42)[0].permute(1, 2, 0).numpy()
    model = build(files)
    before = Segmenter(model, size=42)([image])[0].slots
    after = Segmenter(moved(model), size=42)([image])[0].slots
    assert before.shape[1:] == after.shape[1:]
    assert not np.allclose(before[:1], after[:1])


def test_evaluated_beside_a_model_without_each_sees_its_own(files: Path) -> None:
    folder = files / "pictures"
    source = ImageFolderConfig(path=str(folder / "images"), masks=str(folder / "masks")).build()
    models = [build(files, tuned_blocks=0), moved(build(files)), moved(build(files, tuned_blocks=2))]
    together = evaluate_all([Candidate(model=model) for model in models], source, progress=False)
    for model, found in zip(models, together.evaluations, strict=True):
        alone = evaluate(model, source, progress=False)
        for one, other in zip(found.rows, alone.rows, strict=True):
            np.testing.assert_array_equal(one.ari, other.ari)
