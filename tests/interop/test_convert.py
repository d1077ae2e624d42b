"""One model in three forms, and nothing lost on the way."""

from itertools import permutations
from pathlib import Path

import lightning
import pytest
import torch

from dias.checkpoints import load_model, save_model
from dias.errors import CheckpointError, FileError
from dias.interop.convert import convert, read_any
from dias.models import ImageModel, ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig

SMALL = ImageModelConfig(
    channels=12,
    positions=16,
    pca=6,
    aggregation=AggregationConfig(slot_dim=8),
    decoder=RandomARConfig(layers=1, heads=2),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    save_model(tmp_path / "start.safetensors", SMALL.build(), notes={"step": 9, "data": ["f00d"]})
    return tmp_path / "start.safetensors"


@pytest.mark.parametrize("forms", list(permutations(("a.ckpt", "b.safetensors", "folder"), 3)))
def test_every_way_round_keeps_everything(file: Path, tmp_path: Path, forms: tuple[str, ...]) -> None:
    source, first = file, read_any(file)
    for form in forms:
        source = convert(source, tmp_path / form)
    last = read_any(source)
    assert last.header == first.header
    assert last.state.keys() == first.state.keys()
    for name, value in first.state.items():
        assert torch.equal(last.state[name], value)


class Module(lightning.LightningModule):
    """Somebody's own module around the model."""

    def __init__(self, model: ImageModel) -> None:
        super().__init__()
        self.model = model


def test_lightning_itself_reads_it(file: Path, tmp_path: Path) -> None:
    convert(file, tmp_path / "m.ckpt")
    fresh = Module.load_from_checkpoint(tmp_path / "m.ckpt", model=SMALL.build(), weights_only=True)
    for name, value in load_model(file, with_backbone=False).head_state().items():
        assert torch.equal(fresh.model.state_dict()[name], value)


def test_half_precision(file: Path, tmp_path: Path) -> None:
    convert(file, tmp_path / "half", half=True)
    assert (tmp_path / "half/model.safetensors").stat().st_size < 0.75 * file.stat().st_size
    assert load_model(tmp_path / "half", with_backbone=False).config == SMALL


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("/tmp/dias-was-run"),))


def test_what_is_no_checkpoint_is_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    evil = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"model.x": Evil()}, "dias": {}}, evil)
    with pytest.raises(CheckpointError, match="hold code, which is refused"):
        read_any(evil)
    assert not Path("/tmp/dias-was-run").exists()
    (tmp_path / "cut.ckpt").write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointError, match="is no plain file of tensors"):
        read_any(tmp_path / "cut.ckpt")
    torch.save({"state_dict": {"model.x": torch.ones(1)}}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="does not say which model"):
        read_any(tmp_path / "other.ckpt")
    header = {"format": "x", "model": "{}", "backbone": "null", "provenance": "{}", "notes": "{}"}
    torch.save({"state_dict": {"optimizer.x": torch.ones(1)}, "dias": header}, tmp_path / "odd.ckpt")
    with pytest.raises(CheckpointError, match="is no weight of a model"):
        read_any(tmp_path / "odd.ckpt")
    torch.save({"state_dict": {}, "dias": header | {"notes": "{"}}, tmp_path / "damaged.ckpt")
    with pytest.raises(CheckpointError, match="damaged header"):
        read_any(tmp_path / "damaged.ckpt")


def test_an_unknown_ending_is_told(file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"name a file \*.safetensors or \*.ckpt, or a folder"):
        convert(file, tmp_path / "m.pth")
