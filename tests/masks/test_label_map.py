import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings

from dias.masks import resize
from dias.masks.resize import label_map


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    grid=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
)
def test_equals_the_plain_way_and_masked_slots_never_win(
    seed: int, grid: tuple[int, int], size: tuple[int, int]
) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(3, 4, grid[0] * grid[1], generator=generator)
    kept = torch.rand(3, 4, generator=generator) > 0.5
    kept[:, 2] = True
    labels = label_map(maps, grid=grid, size=size, kept=kept)
    for i in range(3):
        mine = torch.nonzero(kept[i])[:, 0]
        large = F.interpolate(maps[i, mine].view(1, -1, *grid), size=size, mode="bilinear")
        assert torch.equal(labels[i], mine[large[0].argmax(dim=0)])
    assert torch.equal(
        label_map(maps, grid=grid, size=size), label_map(maps, grid=grid, size=size, kept=kept | True)
    )


def test_rows_come_before_columns() -> None:
    """Two slots: the upper and the lower half of a grid of 2 x 3."""
    maps = torch.tensor([[[1.0, 1, 1, 0, 0, 0], [0.0, 0, 0, 1, 1, 1]]])
    labels = label_map(maps, grid=(2, 3), size=(4, 9))
    assert labels.tolist() == [[[0] * 9] * 2 + [[1] * 9] * 2]


def test_slots_that_are_not_kept_may_hold_anything() -> None:
    maps = torch.rand(2, 3, 16)
    kept = torch.tensor([[True, False, True], [False, True, False]])
    expected = label_map(maps, grid=(4, 4), size=(9, 9), kept=kept)
    maps = maps.masked_fill(~kept[..., None], 7e4)
    assert torch.equal(label_map(maps, grid=(4, 4), size=(9, 9), kept=kept), expected)
    negative = label_map(maps - 1e5, grid=(4, 4), size=(9, 9), kept=kept)  # logits are welcome
    assert set(negative[1].unique().tolist()) == {1}


def test_small_memory_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = torch.rand(5, 3, 16)
    expected = label_map(maps, grid=(4, 4), size=(32, 32))
    for values in (1, 2 * 3 * 32 * 32):  # an image at a time, two at a time
        monkeypatch.setattr(resize, "_CPU_VALUES", values)
        assert torch.equal(label_map(maps, grid=(4, 4), size=(32, 32)), expected)


def test_half_precision_and_no_image() -> None:
    maps = torch.rand(2, 3, 4).bfloat16()
    expected = label_map(maps.float(), grid=(2, 2), size=(8, 8))
    assert torch.equal(label_map(maps, grid=(2, 2), size=(8, 8)), expected)
    assert label_map(maps[:0], grid=(2, 2), size=(8, 8)).shape == (0, 8, 8)
