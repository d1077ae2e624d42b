"""Soft positions: where a cell lies in its grid, as four distances (Locatello et al. 2020, appendix)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def distances(rows: int, columns: int) -> Float[Tensor, "m 4"]:
    """Each cell's distance to the upper, left, lower and right side, from 0 to 1; row by row."""
    down, right = torch.meshgrid(torch.linspace(0, 1, rows), torch.linspace(0, 1, columns), indexing="ij")
    return torch.stack([down, right, 1 - down, 1 - right], dim=-1).flatten(0, 1)


class SoftPosition(nn.Module):
    """Adds a linear map of the four distances to each cell's vector."""

    def __init__(self, dim: int, *, rows: int, columns: int) -> None:
        super().__init__()
        self.linear = nn.Linear(4, dim)
        self.distances: Float[Tensor, "m 4"]
        self.register_buffer("distances", distances(rows, columns), persistent=False)

    def forward(self, cells: Float[Tensor, "b m c"]) -> Float[Tensor, "b m c"]:
        """Add the positions to cells that lie row by row."""
        placed: Tensor = cells + self.linear(self.distances)
        return placed


def glorot(module: nn.Module) -> None:
    """Start linear and convolutional layers as Keras does: Glorot's uniform weights, biases of zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
