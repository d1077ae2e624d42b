import hypothesis.strategies as st
import torch
from hypothesis import given

from dias.masks.overlap import soft_iou


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5), k=st.integers(1, 5), m=st.integers(1, 40))
def test_equals_the_definition(seed: int, n: int, k: int, m: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, other = (torch.rand(2, size, m, generator=generator) for size in (n, k))
    one[0, 0] = 0
    other[0, 0] = 0
    low = torch.minimum(one[:, :, None], other[:, None]).sum(dim=3)
    high = torch.maximum(one[:, :, None], other[:, None]).sum(dim=3)
    found = soft_iou(one, other)
    torch.testing.assert_close(found, torch.where(high > 0, low / high, 0.0), atol=1e-6, rtol=1e-5)
    assert ((found >= 0) & (found <= 1)).all()
    torch.testing.assert_close(soft_iou(other, one), found.mT)


def test_hard_masks_and_equal_maps() -> None:
    masks = torch.tensor([[[1.0, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1]]])
    expected = torch.tensor([[[1, 1 / 4, 0], [1 / 4, 1, 1 / 3], [0, 1 / 3, 1]]])
    torch.testing.assert_close(soft_iou(masks, masks), expected)
    soft = torch.rand(1, 3, 20) / 100
    assert (soft_iou(soft, soft).diagonal(dim1=1, dim2=2) == 1).all()


def test_autocast_changes_nothing() -> None:
    one, other = torch.rand(2, 2, 3, 50)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = soft_iou(one, other)
    torch.testing.assert_close(found, soft_iou(one, other), rtol=0, atol=0)


def test_gradient() -> None:
    one = torch.rand(1, 2, 5, dtype=torch.float64, requires_grad=True)
    other = torch.rand(1, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(soft_iou, (one, other))
