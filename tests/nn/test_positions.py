import torch

from dias.nn.positions import SoftPosition, distances


def test_distances_by_hand() -> None:
    expected = [
        [0, 0, 1, 1], [0, 0.5, 1, 0.5], [0, 1, 1, 0],
        [1, 0, 0, 1], [1, 0.5, 0, 0.5], [1, 1, 0, 0],
    ]  # fmt: skip
    torch.testing.assert_close(distances(2, 3), torch.tensor(expected))


def test_a_cells_place_is_mapped_and_added() -> None:
    torch.manual_seed(0)
    part, cells = SoftPosition(5, rows=3, columns=4), torch.randn(2, 12, 5)
    weight, bias = part.linear.weight.double(), part.linear.bias.double()
    place = torch.tensor([2 / 2, 1 / 3, 0, 2 / 3], dtype=torch.float64)  # row 2 of 3, column 1 of 4
    expected = cells[:, 2 * 4 + 1].double() + weight @ place + bias
    torch.testing.assert_close(part(cells)[:, 9].double(), expected, atol=1e-6, rtol=0)


def test_the_grid_is_no_weight() -> None:
    assert set(SoftPosition(5, rows=3, columns=4).state_dict()) == {"linear.weight", "linear.bias"}
