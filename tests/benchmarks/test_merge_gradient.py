"""`benchmarks/merge_gradient.py`: merged slots pass no gradient, others pass theirs."""

from collections.abc import Callable
from types import ModuleType

import torch

from dias.nn.slots.redundancy import merge, merge_matrix


def test_only_slots_that_stand_alone_get_a_gradient(benchmark_of: Callable[[str], ModuleType]) -> None:
    merge_without_gradient = benchmark_of("merge_gradient").merge_without_gradient
    average = merge_matrix(torch.tensor([[0, 1, 0, 2], [0, 1, 2, 3]]))
    slots = torch.randn(2, 4, 3, requires_grad=True)
    merged = merge_without_gradient(average, slots)
    torch.testing.assert_close(merged, merge(average, slots))
    merged.sum().backward()
    assert slots.grad is not None
    alone = torch.tensor([[False, True, False, True], [True, True, True, True]])
    assert torch.equal(slots.grad, alone[..., None].expand_as(slots).float())
