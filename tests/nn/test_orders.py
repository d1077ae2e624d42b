import torch
from hypothesis import given
from hypothesis import strategies as st

from dias.nn.decoders.orders import nine_orders, raster

# Places of a 3 x 3 grid: 0 1 2 / 3 4 5 / 6 7 8. Written down by hand from SPOT's list.
THREE = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8],  # rows from the top, from the left
    [0, 3, 6, 1, 4, 7, 2, 5, 8],  # columns from the left, from the top
    [2, 5, 8, 1, 4, 7, 0, 3, 6],  # columns from the right, from the top
    [2, 1, 0, 5, 4, 3, 8, 7, 6],  # rows from the top, from the right
    [8, 5, 2, 7, 4, 1, 6, 3, 0],  # columns from the right, from the bottom
    [8, 7, 6, 5, 4, 3, 2, 1, 0],  # rows from the bottom, from the right
    [6, 3, 0, 7, 4, 1, 8, 5, 2],  # columns from the left, from the bottom
    [6, 7, 8, 3, 4, 5, 0, 1, 2],  # rows from the bottom, from the left
    [4, 1, 0, 3, 6, 7, 8, 5, 2],  # the spiral
]
# 0 1 2 3 / 4 5 6 7 / 8 9 10 11 / 12 13 14 15
FOUR_SPIRAL = [5, 9, 10, 6, 2, 1, 0, 4, 8, 12, 13, 14, 15, 11, 7, 3]


def test_the_nine_orders_of_a_small_grid() -> None:
    assert nine_orders(3, 3).tolist() == THREE
    assert nine_orders(4, 4)[8].tolist() == FOUR_SPIRAL
    assert raster(3, 3).tolist() == THREE[:1]


@given(rows=st.integers(1, 9), columns=st.integers(1, 9))
def test_each_order_reads_every_place_once(rows: int, columns: int) -> None:
    orders = nine_orders(rows, columns)
    assert torch.equal(orders.sort(dim=1).values, torch.arange(rows * columns).expand(9, -1))


@given(rows=st.integers(1, 9), columns=st.integers(1, 9))
def test_the_spiral_never_jumps(rows: int, columns: int) -> None:
    spiral = nine_orders(rows, columns)[8]
    steps = (spiral // columns).diff().abs() + (spiral % columns).diff().abs()
    assert (steps == 1).all()
    assert spiral[-1] == columns - 1
