"""Orders in which the tokens of a grid can be read (SPOT, Kakogeorgiou et al. 2024)."""

import torch
from jaxtyping import Int64
from torch import Tensor


def raster(rows: int, columns: int) -> Int64[Tensor, "1 m"]:
    """Row by row, each from the left: the default order."""
    return torch.arange(rows * columns)[None]


def nine_orders(rows: int, columns: int) -> Int64[Tensor, "9 m"]:
    """The default order, seven more from a corner, and a spiral; numbered as in the authors' code.

    A row lists places (row * columns + column) in the order in which they are read:

    0  rows from the top, each from the left      5  rows from the bottom, each from the right
    1  columns from the left, each from the top   6  columns from the left, each from the bottom
    2  columns from the right, each from the top  7  rows from the bottom, each from the left
    3  rows from the top, each from the right     8  a spiral from the centre, counter-clockwise, that ends
    4  columns from the right, from the bottom       in the corner at the top right
    """
    grid = torch.arange(rows * columns).view(rows, columns)
    by_columns = grid.mT
    corners = [
        grid,
        by_columns,
        by_columns.flip(0),
        grid.flip(1),
        by_columns.flip(0, 1),
        grid.flip(0, 1),
        by_columns.flip(1),
        grid.flip(0),
    ]
    return torch.stack([*(order.flatten() for order in corners), _spiral(grid)])


def _spiral(grid: Int64[Tensor, "h w"]) -> Int64[Tensor, " m"]:
    """From the centre outwards: the right edge is peeled off and the rest turned by 90 degrees, backwards."""
    edges = []
    while grid.numel():
        edges.append(grid[:, -1])
        grid = grid[:, :-1].rot90()
    return torch.cat(edges).flip(0)
