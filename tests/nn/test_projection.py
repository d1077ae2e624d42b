import pytest
import torch
import torch.nn.functional as F

from dias.errors import DiasError, SettingError
from dias.nn.projection import CNNProjectionConfig, MLPProjectionConfig


def test_the_mlp_keeps_the_names_of_its_weights() -> None:
    """Those of every checkpoint so far."""
    part = MLPProjectionConfig().build(channels=6, positions=9)
    assert list(part.state_dict()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias",
    ]  # fmt: skip
    assert part.channels_out == 6
    assert part(torch.randn(2, 7, 6)).shape == (2, 7, 6)  # any number of tokens


@pytest.mark.parametrize("side", [32, 64])
def test_convolutions_keep_the_grid(side: int) -> None:
    part = CNNProjectionConfig().build(channels=3, positions=side**2)
    assert part.channels_out == 64
    assert part(torch.randn(1, side**2, 3)).shape == (1, side**2, 64)
    counted = (3 * 64 + 3 * 64 * 64) * 25 + 4 * 64 + 5 * 64 + 2 * 64 + 2 * (64 * 64 + 64)
    assert sum(value.numel() for value in part.parameters()) == counted


def test_convolutions_by_hand() -> None:
    torch.manual_seed(0)
    part = CNNProjectionConfig(width=4, strides=(1, 2)).build(channels=3, positions=49).double()
    picture = torch.randn(2, 3, 7, 7, dtype=torch.float64)
    first, second = part.convolutions[0], part.convolutions[2]
    x = F.conv2d(picture, first.weight, first.bias, padding=2).relu()
    x = F.conv2d(x, second.weight, second.bias, stride=2, padding=2).relu()
    assert x.shape == (2, 4, 4, 4)
    x = x.permute(0, 2, 3, 1)
    for row in range(4):
        for column in range(4):
            place = torch.tensor([row / 3, column / 3, 1 - row / 3, 1 - column / 3], dtype=torch.float64)
            x[:, row, column] += place @ part.position.linear.weight.T + part.position.linear.bias
    x = F.layer_norm(x, (4,))
    hidden, last = part.mlp[0], part.mlp[2]
    x = (x @ hidden.weight.T + hidden.bias).relu() @ last.weight.T + last.bias
    tokens = picture.permute(0, 2, 3, 1).reshape(2, 49, 3)
    torch.testing.assert_close(part(tokens), x.reshape(2, 16, 4), atol=1e-6, rtol=0)


def test_maps_over_fewer_tokens_are_spread_over_all() -> None:
    part = CNNProjectionConfig(width=4, strides=(2,)).build(channels=3, positions=16)
    logits = torch.tensor([[[0.0, 8.0, 0.0, 8.0], [-torch.inf] * 4]])
    maps = part.maps(logits)
    assert maps[0, 0].reshape(4, 4).tolist() == [[0.0, 2.0, 6.0, 8.0]] * 4  # bilinear, by hand
    assert (maps[0, 1] == -torch.inf).all()


def test_maps_of_the_same_grid_are_left_alone() -> None:
    logits = torch.randn(1, 2, 16)
    assert CNNProjectionConfig(width=4).build(channels=3, positions=16).maps(logits) is logits
    assert MLPProjectionConfig().build(channels=3, positions=16).maps(logits) is logits


def test_other_grids_are_refused() -> None:
    with pytest.raises(SettingError, match=r"model\.positions: 12 must be a square number"):
        CNNProjectionConfig().build(channels=3, positions=12)
    part = CNNProjectionConfig(width=4).build(channels=3, positions=16)
    with pytest.raises(DiasError, match="features: 9 tokens, the convolutions know 16"):
        part(torch.zeros(1, 9, 3))
