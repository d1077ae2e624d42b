"""One class for every family, held against the model of transformers itself."""

from pathlib import Path

import pytest
import torch
from tiny_vits import FAMILIES, make
from torch import Tensor

import dias.precision
from dias.backbones import BackboneConfig, FrozenBackbone
from dias.errors import SettingError

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
PREFIX = {"dinov2": 1, "dinov2_with_registers": 4, "vit": 1, "vit_mae": 1, "dinov3_vit": 5}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def build(folder: Path, family: str, **settings: object) -> FrozenBackbone:
    make(folder, family)
    return BackboneConfig(**{"path": str(folder), "input_size": None, "precision": "fp32"} | settings).build()


def pictures(height: int, width: int, batch: int = 2) -> Tensor:
    return torch.randint(0, 256, (batch, 3, height, width), generator=torch.Generator().manual_seed(1)).to(
        torch.uint8
    )


def reference(folder: Path, family: str, images: Tensor) -> Tensor:
    """Last hidden state, after the final norm, of the model as transformers runs it, patches only."""
    model = make(folder, family)
    options = {"interpolate_pos_encoding": True} if family in ("vit", "vit_mae") else {}
    if family == "vit_mae":
        model.config.mask_ratio = 0.0
        tokens = images.shape[2] * images.shape[3] // 49
        options["noise"] = torch.linspace(0, 1, tokens).expand(len(images), -1)
    with torch.no_grad():
        output = model((images / 255 - MEAN) / STD, **options)
    return output.last_hidden_state[:, PREFIX[family] :]


def test_after_the_final_norm_equals_transformers(tmp_path: Path, family: str) -> None:
    images = pictures(28, 42)
    tokens = build(tmp_path, family, final_norm=True)(images)
    assert tokens.grid == (4, 6)
    assert tokens.features.shape == (2, 24, 32)
    torch.testing.assert_close(tokens.features, reference(tmp_path, family, images), atol=1e-5, rtol=1e-5)


def test_before_the_final_norm_lacks_that_norm_alone(tmp_path: Path, family: str) -> None:
    images = pictures(28, 28)
    before = build(tmp_path, family)(images).features
    model = make(tmp_path, family)
    norm = model.norm if family == "dinov3_vit" else model.layernorm
    after = reference(tmp_path, family, images)
    torch.testing.assert_close(norm(before), after, atol=1e-5, rtol=1e-5)
    assert (before - after).abs().max() > 0.1


def test_keys_are_those_that_the_last_block_computes(tmp_path: Path, family: str) -> None:
    """Overheard in the model of transformers while it runs."""
    images, overheard = pictures(28, 28), list[Tensor]()
    seen = build(tmp_path, family, keys=True)(images)
    model = make(tmp_path, family)
    last = [part for name, part in model.named_modules() if name.endswith("k_proj")][-1]
    last.register_forward_hook(lambda module, given, keys: overheard.append(keys))
    options = {}
    if family == "vit_mae":
        model.config.mask_ratio = 0.0
        options["noise"] = torch.linspace(0, 1, 16).expand(2, -1)
    with torch.no_grad():
        model((images / 255 - MEAN) / STD, **options)
    assert seen.keys is not None
    torch.testing.assert_close(seen.keys, overheard[0][:, PREFIX[family] :], atol=1e-5, rtol=1e-5)
    assert torch.equal(seen.features, build(tmp_path, family)(images).features)


def test_keys_are_a_norm_and_a_matrix_of_what_the_last_block_is_given(tmp_path: Path) -> None:
    """Computed from the file's weights, in float64."""
    seen = build(tmp_path, "dinov2", keys=True)(pictures(28, 28), last_blocks=1)
    weights = {name: value.double() for name, value in make(tmp_path, "dinov2").state_dict().items()}
    block = "encoder.layer.1."
    assert seen.unfinished is not None
    given = seen.unfinished[:, 1:].double()
    even = (given - given.mean(-1, keepdim=True)) / (given.var(-1, correction=0, keepdim=True) + 1e-6).sqrt()
    normed = even * weights[f"{block}norm1.weight"] + weights[f"{block}norm1.bias"]
    matrix, bias = (weights[f"{block}attention.k_proj.{name}"] for name in ("weight", "bias"))
    assert seen.keys is not None
    torch.testing.assert_close(seen.keys.double(), normed @ matrix.T + bias, atol=1e-4, rtol=1e-4)


def test_tokens_lie_row_by_row(tmp_path: Path, family: str) -> None:
    """Without attention and MLPs a token knows its own patch alone: only its place may change."""
    backbone = build(tmp_path, family)
    with torch.no_grad():
        for name, parameter in backbone.vit.named_parameters():
            if ("layer" in name and "norm" not in name) or "lambda" in name:
                parameter.zero_()
    images = pictures(28, 42, batch=1)
    changed = images.clone()
    changed[:, :, 7:14, 28:35] = 255 - changed[:, :, 7:14, 28:35]  # row 1, column 4 of 4 x 6
    difference = (backbone(changed).features - backbone(images).features).abs().sum(dim=2)[0]
    assert difference.nonzero().flatten().tolist() == [1 * 6 + 4]


@pytest.fixture(params=[True, False], ids=["with bf16", "without bf16"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """One that multiplies in bf16, and one that does not."""
    monkeypatch.setattr(dias.precision, "processor_has_bf16", lambda: request.param)
    return bool(request.param)


def test_bf16_is_close_to_fp32(tmp_path: Path, family: str, processor: bool) -> None:
    images = pictures(35, 42)  # not the size of the positions: they are interpolated
    exact = build(tmp_path, family)(images).features
    rough = build(tmp_path, family, precision="bf16")(images).features
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() / exact.norm() < 0.03


def test_bf16_leaves_the_angles_of_dinov3_alone(tmp_path: Path, processor: bool) -> None:
    backbone = build(tmp_path, "dinov3_vit", precision="bf16")
    rounded = [value.float() for value in backbone.vit.parameters()]
    backbone(pictures(28, 28))
    kept = torch.bfloat16 if processor else torch.float32
    assert {value.dtype for value in backbone.vit.parameters()} == {kept}
    assert {value.dtype for value in backbone.vit.buffers()} == {torch.float32}
    after = [value.float() for value in backbone.vit.parameters()]  # the same weights on every processor
    assert all(torch.equal(one, other) for one, other in zip(rounded, after, strict=True))


def test_whole_numbers_and_shares_mean_the_same(tmp_path: Path) -> None:
    backbone, images = build(tmp_path, "dinov2"), pictures(28, 28)
    torch.testing.assert_close(backbone(images).features, backbone(images / 255).features)


def test_pictures_are_resized_to_the_input_size(tmp_path: Path) -> None:
    backbone = build(tmp_path, "dinov2", input_size=42)
    assert backbone.grid(100, 30) == (6, 6)
    assert backbone(pictures(100, 30)).features.shape == (2, 36, 32)
    plain = torch.full((1, 3, 60, 90), 77, dtype=torch.uint8)  # a resized plain picture is the plain picture
    torch.testing.assert_close(
        backbone(plain).features, backbone(plain[:, :, :42, :42]).features, atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("size", [(28, 30), (27, 28), (3, 28)])
def test_a_size_that_is_no_multiple_of_the_patch_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(SettingError, match=r"multiple of the patch, 7 pixels; \d+ x 28 would do"):
        build(tmp_path, "vit")(pictures(*size))


def test_an_input_size_that_is_no_multiple_of_the_patch_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"30 x 30.*28 x 28 would do"):
        build(tmp_path, "dinov2", input_size=30)


def test_it_stays_frozen(tmp_path: Path) -> None:
    around = torch.nn.Sequential(build(tmp_path, "dinov2")).train()
    backbone = around[0]
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    features = backbone(pictures(28, 28)).features
    assert not features.requires_grad
    weight = torch.ones(32, requires_grad=True)
    (features * weight).sum().backward()  # an inference tensor would refuse
    assert weight.grad is not None


def test_autocast_around_it_changes_nothing(tmp_path: Path) -> None:
    backbone, images = build(tmp_path, "dinov2"), pictures(28, 28)
    with torch.autocast("cpu", torch.bfloat16):
        inside = backbone(images).features
    assert torch.equal(inside, backbone(images).features)


def test_a_masked_autoencoder_sees_the_whole_picture_every_time(tmp_path: Path) -> None:
    backbone, images = build(tmp_path, "vit_mae"), pictures(28, 28)
    assert torch.equal(backbone(images).features, backbone(images).features)
