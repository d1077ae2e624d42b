"""What the model is shown of a picture: the whole at once, or several squares of it."""

from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor

Quality = Literal["fast", "fine", "best"]


@dataclass(frozen=True, kw_only=True)
class Views:
    """Squares that the model sees of a picture, and the finer grid that their maps make together.

    Attributes:
        side: pixels of the square that the picture is made, of which the views are cut.
        size: pixels of a view's side.
        starts: row and column of each view's first pixel.
        cell: pixels of the finer grid's side; divides the patch, every start and `side`.
    """

    side: int
    size: int
    starts: tuple[tuple[int, int], ...]
    cell: int

    def cut(self, pictures: UInt8[Tensor, "b 3 s s"]) -> UInt8[Tensor, "v 3 z z"]:
        """All views of the first picture, of the second, and so on."""
        if len(self.starts) == 1:
            return pictures
        cut = [pictures[..., y : y + self.size, x : x + self.size] for y, x in self.starts]
        return torch.stack(cut, dim=1).flatten(0, 1)

    def grid(self, grid: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the finer grid, from those of a view."""
        cells = self.side // self.cell
        return grid if len(self.starts) == 1 else (cells, cells)

    def together(self, maps: Float[Tensor, "b n m"], *, grid: tuple[int, int]) -> Float[Tensor, "b n k"]:
        """One map a slot over the finer grid: of each cell the mean of what the views say.

        Args:
            maps: over the tokens of all views, one view after the other.
            grid: rows and columns of a view.
        """
        if len(self.starts) == 1:
            return maps
        each = rearrange(maps, "b n (v r c) -> v b n r c", v=len(self.starts), r=grid[0])
        fine = self.size // grid[0] // self.cell
        total = maps.new_zeros(*maps.shape[:2], *self.grid(grid))
        seen = maps.new_zeros(self.grid(grid))
        for view, (y, x) in zip(each, self.starts, strict=True):
            place = (
                ...,
                slice(y // self.cell, (y + self.size) // self.cell),
                slice(x // self.cell, (x + self.size) // self.cell),
            )
            total[place] += view.repeat_interleave(fine, dim=-2).repeat_interleave(fine, dim=-1)
            seen[place[1:]] += 1
        return (total / seen).flatten(2)


def whole(size: int, patch: int) -> Views:
    """The whole picture at once."""
    return Views(side=size, size=size, starts=((0, 0),), cell=patch)


def shifted(size: int, patch: int) -> Views:
    """Four views that lie half a patch apart, so that cells are half as wide; one where that is no pixel."""
    half = patch // 2
    if patch % 2:
        return whole(size, patch)
    starts = tuple((y, x) for y in (0, half) for x in (0, half))
    return Views(side=size + half, size=size, starts=starts, cell=half)
