"""The copy of the last blocks: at first the backbone itself, then a model of its own."""

import copy
from pathlib import Path

import pytest
import torch
from tiny_vits import FAMILIES, make
from torch import Tensor

from dias.backbones import BackboneConfig, FrozenBackbone, LastBlocks
from dias.errors import SettingError


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def build(folder: Path, family: str, **settings: object) -> FrozenBackbone:
    make(folder, family)
    return BackboneConfig(**{"path": str(folder), "input_size": None, "precision": "fp32"} | settings).build()


def pictures() -> Tensor:
    """Neither square nor of the size that the positions were made for."""
    return torch.randint(0, 256, (2, 3, 28, 42), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def student(tuned: LastBlocks, backbone: FrozenBackbone, count: int) -> Tensor:
    seen = backbone(pictures(), last_blocks=count)
    assert seen.unfinished is not None
    return tuned(seen.unfinished, seen.grid)


def shifted(module: torch.nn.Module) -> None:
    """The same change for every copy."""
    chance = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=chance)


@pytest.mark.parametrize("final_norm", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_at_first_it_gives_the_backbones_features(
    tmp_path: Path, family: str, count: int, final_norm: bool
) -> None:
    backbone = build(tmp_path, family, final_norm=final_norm)
    found = student(LastBlocks(backbone, count), backbone, count)
    torch.testing.assert_close(found, backbone(pictures()).features, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_sharing_the_lower_blocks_equals_two_whole_encoders(tmp_path: Path, family: str, count: int) -> None:
    """As published: a second whole encoder whose last blocks have been trained to other weights."""
    backbone = build(tmp_path, family)
    whole, tuned = copy.deepcopy(backbone), LastBlocks(backbone, count)
    shifted(tuned.blocks)
    blocks = next(
        part for part in whole.vit.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == 2
    )
    shifted(blocks[-count:])
    found = student(tuned, backbone, count)
    torch.testing.assert_close(found, whole(pictures()).features, atol=1e-5, rtol=1e-5)
    assert (found - backbone(pictures()).features).abs().max() > 0.1


def test_asking_for_what_the_last_blocks_are_given_changes_no_feature(tmp_path: Path, family: str) -> None:
    backbone = build(tmp_path, family)
    assert torch.equal(backbone(pictures(), last_blocks=1).features, backbone(pictures()).features)
    assert backbone(pictures()).unfinished is None


def test_the_blocks_are_trained_and_nothing_else(tmp_path: Path, family: str) -> None:
    backbone = build(tmp_path, family, final_norm=True)
    before = copy.deepcopy(backbone.state_dict())
    tuned = LastBlocks(backbone, 1)
    student(tuned, backbone, 1).square().mean().backward()
    trained = {name for name, value in tuned.named_parameters() if value.grad is not None}
    assert trained == {name for name, _ in tuned.named_parameters() if name.startswith("blocks.")}
    shifted(tuned)
    after = backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_is_float32_over_a_bf16_backbone_and_stays_in_evaluation_mode(tmp_path: Path) -> None:
    backbone = build(tmp_path, "dinov2_with_registers", precision="bf16")
    tuned = LastBlocks(backbone, 1)
    tuned.train()
    assert {value.dtype for value in tuned.state_dict().values()} == {torch.float32}
    assert not any(part.training for part in tuned.modules())
    found, features = student(tuned, backbone, 1), backbone(pictures()).features
    assert (found - features).norm() / features.norm() < 0.03


def test_more_blocks_than_there_are_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"model\.tuned_blocks: 3 but .* has 2 blocks"):
        LastBlocks(build(tmp_path, "dinov2"), 3)
