import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from dias.backbones import BackboneConfig, Backbones, PixelsConfig
from dias.config import to_dict


def pictures(height: int, width: int) -> Tensor:
    noise = torch.randint(0, 256, (2, 3, height, width), generator=torch.Generator().manual_seed(1))
    return noise.to(torch.uint8)


def test_a_token_is_a_pixel_row_by_row() -> None:
    images = pictures(4, 6)
    tokens = PixelsConfig(input_size=None).build()(images)
    assert tokens.grid == (4, 6)
    assert tokens.features.shape == (2, 24, 3)
    expected = images[1, :, 2, 5].double() / 127.5 - 1
    torch.testing.assert_close(tokens.features[1, 2 * 6 + 5].double(), expected, atol=1e-6, rtol=0)


def test_black_is_minus_one_and_white_is_one() -> None:
    images = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    images[..., 1, 1] = 255
    features = PixelsConfig(input_size=None).build()(images).features
    assert features[0].tolist() == [[-1.0] * 3] * 3 + [[1.0] * 3]
    assert torch.equal(PixelsConfig(input_size=None).build()(images / 255).features, features)


def test_pictures_are_resized_without_aliasing() -> None:
    """Stripes finer than the pixels become grey, not stripes."""
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::2] = 1
    backbone = PixelsConfig(input_size=16).build()
    assert backbone.grid(64, 64) == (16, 16)
    features = backbone(stripes).features.reshape(16, 16, 3)
    assert features[:, 2:-2].abs().max() < 0.1
    assert features.abs().max() <= 1


def test_it_has_what_is_asked_of_a_backbone() -> None:
    backbone = PixelsConfig(input_size=16).build()
    assert (backbone.channels, backbone.patch, backbone.input_size) == (3, 1, 16)
    assert backbone.device == torch.device("cpu")
    assert not backbone.train().training
    assert not list(backbone.parameters())
    assert not backbone.state_dict()
    assert backbone.unresized()(pictures(8, 8)).grid == (8, 8)
    assert backbone(pictures(8, 8)).grid == (16, 16)  # its own resizing is still there


def test_the_hash_is_that_of_what_changes_a_feature() -> None:
    hashes = {PixelsConfig(input_size=size).build().weights.sha256 for size in (16, 16, 32, None)}
    assert len(hashes) == 3
    assert all(len(one) == 64 for one in hashes)


def test_settings_without_a_kind_are_a_vits() -> None:
    settings = TypeAdapter(Backbones)
    assert settings.validate_python({"input_size": 28}) == BackboneConfig(input_size=28)
    pixels = PixelsConfig(input_size=32)
    assert settings.validate_python(to_dict(pixels)) == pixels
    with pytest.raises(ValidationError, match="path"):
        settings.validate_python({"kind": "pixels", "path": "there"})
