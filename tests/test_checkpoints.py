"""Our checkpoints: what is needed comes back, the rest is refused in a line, nothing is executed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file

from dias.backbones import BackboneConfig
from dias.checkpoints import describe, find, load_model, save_model
from dias.errors import CheckpointError
from dias.models import ImageModel, ImageModelConfig
from dias.nn.decoders import BroadcastMLPConfig, RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig

SMALL = ImageModelConfig(
    channels=12,
    positions=16,
    pca=6,
    aggregation=AggregationConfig(slot_dim=8, threshold=0.3),
    decoder=RandomARConfig(layers=1, heads=2),
)


def build(config: ImageModelConfig = SMALL) -> ImageModel:
    torch.manual_seed(0)
    return config.build().eval()


@pytest.mark.parametrize("decoder", [SMALL.decoder, BroadcastMLPConfig(layers=2, hidden=16)])
def test_a_model_comes_back_as_it_was(tmp_path: Path, decoder: RandomARConfig | BroadcastMLPConfig) -> None:
    model = build(replace(SMALL, decoder=decoder))
    save_model(tmp_path / "m.safetensors", model, notes={"step": 7})
    again = load_model(tmp_path / "m.safetensors", with_backbone=False)
    assert again.config == model.config
    assert not again.training
    features = torch.randn(2, 16, 12)
    one, other = (
        m.from_features(features, generator=torch.Generator().manual_seed(1)) for m in (model, again)
    )
    assert torch.equal(one.slots, other.slots)
    assert one.reconstruction is not None
    assert other.reconstruction is not None
    assert torch.equal(one.reconstruction, other.reconstruction)
    about = describe(tmp_path / "m.safetensors")
    assert about["notes"] == {"step": 7}
    assert {"command", "revision", "versions", "hardware"} <= about["provenance"].keys()


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    save_model(tmp_path / "whole.safetensors", build())
    save_model(tmp_path / "half.safetensors", build(), half=True)
    with safe_open(tmp_path / "half.safetensors", framework="pt") as opened:
        kinds = {opened.get_tensor(name).dtype for name in opened.keys() if "pca" not in name}  # noqa: SIM118
    assert torch.float16 in kinds
    assert torch.float32 not in kinds
    model = load_model(tmp_path / "half.safetensors", with_backbone=False)
    for name, value in model.head_state().items():
        torch.testing.assert_close(value, build().head_state()[name], rtol=1e-3, atol=1e-3)


def test_a_backbone_that_moved_along_is_found(tmp_path: Path) -> None:
    vit = transformers.Dinov2Model(
        transformers.Dinov2Config(
            hidden_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=7
        )
    )
    old, new = tmp_path / "old", tmp_path / "new"
    vit.save_pretrained(old / "vit")
    config = replace(SMALL, backbone=BackboneConfig(path=str(old / "vit"), input_size=28))
    save_model(old / "m.safetensors", config.build(backbone=config.backbone.build()))
    old.rename(new)
    assert load_model(new / "m.safetensors").backbone is not None


def test_a_folder_means_its_best(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds neither best.safetensors nor last.safetensors"):
        find(tmp_path)
    save_model(tmp_path / "last.safetensors", build())
    assert find(tmp_path).name == "last.safetensors"
    save_model(tmp_path / "best.safetensors", build())
    assert find(tmp_path).name == "best.safetensors"
    with pytest.raises(CheckpointError, match=r"does not exist; give a .safetensors file or a folder"):
        find(tmp_path / "nowhere")


@pytest.mark.parametrize("size", [0, 5, 300, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, size: int) -> None:
    file = tmp_path / "m.safetensors"
    save_model(file, build())
    whole = file.read_bytes()
    file.write_bytes(whole[: size if size >= 0 else len(whole) - 10])
    with pytest.raises(CheckpointError, match=r"m\.safetensors: is no readable safetensors file"):
        load_model(file, with_backbone=False)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    save_model(file, build(replace(SMALL, pca=4)))
    with safe_open(file, framework="pt") as opened:
        state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        header = opened.metadata()
    settings = json.loads(header["model"])
    save_file(state, file, metadata=header | {"model": json.dumps(settings | {"pca": 6})})
    with pytest.raises(
        CheckpointError, match=r"does not fit its settings in \d+ tensors .*another architecture"
    ):
        load_model(file, with_backbone=False)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "theirs.safetensors")
    with pytest.raises(CheckpointError, match=r"expected 'dias-checkpoint-1'; .*import-official"):
        describe(tmp_path / "theirs.safetensors")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('executed')",))


def test_a_pickle_is_not_executed(tmp_path: Path) -> None:
    torch.save({"state": Bomb()}, tmp_path / "bomb.safetensors")
    with pytest.raises(CheckpointError):
        load_model(tmp_path / "bomb.safetensors")


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.safetensors"
    save_model(file, build(), notes={"step": 1})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        Exception, match=r"m\.safetensors: could not be written \(No space left on device\); free"
    ):
        save_model(file, build(), notes={"step": 2})
    assert describe(file)["notes"] == {"step": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["m.safetensors"]
