"""`benchmarks/merge_gradient.py`: merged slots pass no gradient, others pass theirs."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dias.nn.slots.redundancy import merge, merge_matrix

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def merge_without_gradient() -> Callable[[Tensor, Tensor], Tensor]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(BENCHMARKS)
        found: Callable[[Tensor, Tensor], Tensor] = import_module("merge_gradient").merge_without_gradient
    return found


def test_only_slots_that_stand_alone_get_a_gradient(
    merge_without_gradient: Callable[[Tensor, Tensor], Tensor],
) -> None:
    average = merge_matrix(torch.tensor([[0, 1, 0, 2], [0, 1, 2, 3]]))
    slots = torch.randn(2, 4, 3, requires_grad=True)
    merged = merge_without_gradient(average, slots)
    torch.testing.assert_close(merged, merge(average, slots))
    merged.sum().backward()
    assert slots.grad is not None
    alone = torch.tensor([[False, True, False, True], [True, True, True, True]])
    assert torch.equal(slots.grad, alone[..., None].expand_as(slots).float())
