"""SPOT's attention matching against definitions written out here in float64."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from dias.objectives import attention_matching, double_softmax_matching


def all_kept(maps: Tensor) -> Tensor:
    return torch.ones(maps.shape[:2], dtype=torch.bool)


def loss(student: Tensor, teacher: Tensor, **kept: Tensor) -> Tensor:
    kept = {"student_kept": all_kept(student), "teacher_kept": all_kept(teacher)} | kept
    return attention_matching(student, teacher, **kept)


def maps(seed: int, batch: int = 3, slots: int = 4, tokens: int = 30) -> tuple[Tensor, Tensor]:
    """Student's logits and teacher's attention, in float64."""
    chance = torch.Generator().manual_seed(seed)
    shape = (batch, slots, tokens)
    teacher = torch.randn(shape, generator=chance, dtype=torch.float64).mul(2)
    student = teacher[:, torch.randperm(slots, generator=chance)]
    student = student + torch.randn(shape, generator=chance, dtype=torch.float64)
    return student, teacher.softmax(dim=1)


def ious(student: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    """Of each teacher mask with each student mask of one image, pixel sets counted."""
    found, wanted = student.argmax(0), teacher.argmax(0)
    table = np.zeros((len(teacher), len(student)))
    for k, n in np.ndindex(*table.shape):
        both, either = np.sum((wanted == k) & (found == n)), np.sum((wanted == k) | (found == n))
        table[k, n] = both / either if either else 0
    return table


def written_out(student: Tensor, teacher: Tensor) -> float:
    """The loss by scipy's assignment, token by token."""
    terms = []
    for logits, attention in zip(student.numpy(), teacher.numpy(), strict=True):
        _, order = linear_sum_assignment(1 - ious(logits, attention))
        for token, label in enumerate(attention.argmax(0)):
            row = logits[:, token]
            terms.append(math.log(np.exp(row).sum()) - row[order[label]])
    return float(np.mean(terms))


def test_by_hand() -> None:
    """Two slots, three tokens: the teacher gives 0 and 1 to its slot 0, the student 0 to its slot 1."""
    teacher = torch.tensor([[[0.9, 0.6, 0.2], [0.1, 0.4, 0.8]]], dtype=torch.float64)
    student = torch.tensor([[[0.0, 2.0, 3.0], [1.0, 0.0, 0.0]]], dtype=torch.float64)
    # IoU: teacher 0 {0, 1} with student 0 {1, 2} is 1/3, with student 1 {0} is 1/2;
    # teacher 1 {2} with student 0 is 1/2, with student 1 is 0. So 0 -> 1 and 1 -> 0.
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2)) + math.log(1 + math.exp(-3))) / 3
    assert loss(student, teacher).item() == pytest.approx(expected, rel=1e-12)
    softened = student.softmax(dim=1)
    expected = float((softened.exp().sum(1).log() - softened[:, [1, 1, 0], [0, 1, 2]]).mean())
    kept = all_kept(student)
    doubled = double_softmax_matching(student, teacher, student_kept=kept, teacher_kept=kept)
    assert doubled.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_the_definition(seed: int) -> None:
    student, teacher = maps(seed)
    assert loss(student, teacher).item() == pytest.approx(written_out(student, teacher), rel=1e-12)


def has_one_best_match(student: Tensor, teacher: Tensor) -> bool:
    for logits, attention in zip(student.numpy(), teacher.numpy(), strict=True):
        table = ious(logits, attention)
        orders = itertools.permutations(range(len(table)))
        totals = sorted(sum(table[k, n] for k, n in enumerate(order)) for order in orders)
        if totals[-1] - totals[-2] < 1e-9:
            return False
    return True


@settings(max_examples=30)
@given(seed=st.integers(0, 2**16), order=st.permutations(range(4)), other=st.permutations(range(4)))
def test_the_order_of_slots_means_nothing(seed: int, order: list[int], other: list[int]) -> None:
    """Neither the student's nor the teacher's; unless two matches are equally good."""
    student, teacher = maps(seed, batch=1)
    assume(has_one_best_match(student, teacher))
    torch.testing.assert_close(loss(student[:, order], teacher[:, other]), loss(student, teacher))


def test_masks_alone_of_the_teacher_count() -> None:
    student, teacher = maps(0)
    hard = torch.nn.functional.one_hot(teacher.argmax(dim=1), 4).mT.double()
    assert torch.equal(loss(student, hard), loss(student, teacher))


def test_a_student_that_is_the_teacher_costs_next_to_nothing() -> None:
    _, teacher = maps(0)
    hard = torch.nn.functional.one_hot(teacher.argmax(dim=1), 4).mT.double()
    student = 50 * hard[:, [2, 0, 3, 1]]
    assert loss(student, teacher).item() < 1e-12
    kept = all_kept(student)
    doubled = double_softmax_matching(student, teacher, student_kept=kept, teacher_kept=kept)
    assert doubled.item() == pytest.approx(math.log(math.e + 3) - 1)  # a one-hot map taken for logits


def test_slots_that_are_not_kept_take_no_part() -> None:
    """The same as if they were not there, on either side."""
    student, teacher = maps(1, slots=3)
    nothing = torch.full((3, 1, 30), -torch.inf, dtype=torch.float64)
    wide = torch.cat([student[:, :1], nothing, student[:, 1:]], dim=1)
    kept = torch.tensor([True, False, True, True]).expand(3, 4)
    noise = torch.full((3, 1, 30), 7.0, dtype=torch.float64)  # more than any slot that is kept
    loud = torch.cat([teacher, noise], dim=1)
    heard = torch.tensor([True, True, True, False]).expand(3, 4)
    wide.requires_grad_()
    found = loss(wide, loud, student_kept=kept, teacher_kept=heard)
    torch.testing.assert_close(found, loss(student, teacher))
    found.backward()
    assert wide.grad is not None
    assert wide.grad.isfinite().all()
    assert (wide.grad[:, 1] == 0).all()


def test_tokens_of_a_teacher_slot_without_partner_are_left_out() -> None:
    """The teacher kept three slots, the student two."""
    teacher = 50 * torch.eye(3, dtype=torch.float64)[:, [0, 0, 1, 1, 2]][None]
    student = torch.tensor([[[0.0, 1, 2, 2, 0], [3, 2, 0, 1, 0.5]]], dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(student[..., :4], torch.tensor([[1, 1, 0, 0]]))
    torch.testing.assert_close(loss(student, teacher), expected)


def test_more_slots_than_the_teacher_are_no_problem() -> None:
    student, _ = maps(2, slots=5)
    _, teacher = maps(3, slots=2)
    assert loss(student, teacher).isfinite()


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = maps(0)
    teacher.requires_grad_()
    loss(student.requires_grad_(), teacher).backward()
    assert teacher.grad is None
    assert student.grad is not None
