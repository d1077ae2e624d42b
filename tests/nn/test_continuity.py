"""Who is there in a later frame: the rule of docs/video.md, case by case."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dias.errors import SettingError
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.continuity import ContinuityConfig, Succession, succession

TOKENS = 20


def decide(
    labels: list[int], won: list[int], kept: list[int], *, enter: float = 0.1, leave: float = 0.0
) -> tuple[list[int], list[list[float]]]:
    """With slot i winning `won[i]` tokens, nearly alone."""
    winners = torch.arange(len(won)).repeat_interleave(torch.tensor(won))
    attention = torch.full((1, len(won), len(winners)), 0.01)
    attention[0, winners, torch.arange(len(winners))] = 1 - 0.01 * (len(won) - 1)
    found = succession(
        torch.tensor([labels]), attention, torch.tensor([kept]).bool(), enter=enter, leave=leave
    )
    return found.kept[0].int().tolist(), found.members[0].tolist()


def test_what_is_seen_goes_on_and_masked_slots_that_repeat_it_stay_masked() -> None:
    kept, members = decide([0, 1, 0, 1], [12, 6, 1, 1], [1, 1, 0, 0])
    assert kept == [1, 1, 0, 0]
    assert members[0][2] > 0
    assert members[0][1] == 0
    assert sum(members[0]) == pytest.approx(1)
    assert members[2] == [0, 0, 0, 0]


def test_a_thing_keeps_its_index_though_a_masked_slot_took_all_of_it() -> None:
    kept, members = decide([0, 1, 0], [0, 8, 12], [1, 1, 0])
    assert kept == [1, 1, 0]
    assert members[0][2] > 0.9  # what it becomes is what was seen


def test_what_only_masked_slots_see_revives_one_of_them_the_one_that_took_most() -> None:
    kept, _ = decide([0, 1, 2, 2, 2], [12, 3, 1, 3, 1], [1, 1, 0, 0, 0])
    assert kept == [1, 1, 0, 1, 0]


def test_a_new_thing_needs_more_than_enter_and_an_old_one_more_than_leave() -> None:
    assert decide([0, 1, 2], [12, 6, 2], [1, 1, 0], enter=0.1)[0] == [1, 1, 0]
    assert decide([0, 1, 2], [12, 5, 3], [1, 1, 0], enter=0.1)[0] == [1, 1, 1]
    assert decide([0, 1, 2], [12, 6, 2], [1, 1, 1], enter=0.1)[0] == [1, 1, 1]  # it need not enter again
    assert decide([0, 1, 2], [12, 6, 2], [1, 1, 1], enter=0.2, leave=0.1)[0] == [1, 1, 0]
    assert decide([0, 1, 2], [13, 7, 0], [1, 1, 1])[0] == [1, 1, 0]  # nothing of it is seen


def test_two_that_became_one_go_on_under_the_index_that_takes_more() -> None:
    assert decide([0, 1, 1], [10, 2, 8], [1, 1, 1])[0] == [1, 0, 1]


def test_an_image_keeps_its_slots_rather_than_be_left_with_fewer_than_two() -> None:
    kept, members = decide([0, 0, 0, 0], [5, 5, 5, 5], [1, 0, 1, 0])
    assert kept == [1, 0, 1, 0]
    assert members == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def random_case(seed: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(n, (3, n), generator=chance)
    attention = (3 * torch.randn(3, n, TOKENS, generator=chance)).softmax(dim=1)
    kept = torch.rand(3, n, generator=chance) < 0.5
    kept[:, :2] = True
    return labels, attention, kept


def decided(labels: Tensor, attention: Tensor, kept: Tensor) -> Succession:
    return succession(labels, attention, kept, enter=0.15, leave=0.05)


@given(seed=st.integers(0, 2**16), n=st.integers(2, 7))
def test_one_of_a_cluster_goes_on_and_at_least_two_slots_do(seed: int, n: int) -> None:
    labels, attention, kept = random_case(seed, n)
    found = decided(labels, attention, kept)
    assert (found.kept.sum(dim=1) >= 2).all()
    torch.testing.assert_close(found.members.sum(dim=2), found.kept.float())
    guarded = (found.kept == kept).all(dim=1)
    for image in (~guarded).nonzero()[:, 0]:
        chosen = labels[image][found.kept[image]]
        assert len(chosen.unique()) == len(chosen)


@given(seed=st.integers(0, 2**16), n=st.integers(2, 7))
def test_the_order_of_slots_changes_nothing(seed: int, n: int) -> None:
    labels, attention, kept = random_case(seed, n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    found = decided(labels, attention, kept)
    moved = decided(labels[:, order], attention[:, order], kept[:, order])
    assert torch.equal(moved.kept, found.kept[:, order])
    torch.testing.assert_close(moved.members, found.members[:, order][:, :, order])


@given(seed=st.integers(0, 2**16))
def test_an_image_does_not_know_its_batch(seed: int) -> None:
    labels, attention, kept = random_case(seed, 5)
    whole, alone = decided(labels, attention, kept), decided(labels[1:2], attention[1:2], kept[1:2])
    assert torch.equal(whole.kept[1:2], alone.kept)


def test_settings_that_cannot_go_on_are_refused() -> None:
    with pytest.raises(SettingError, match=r"iterations: 1 leaves no round before the reduction"):
        ContinuityConfig(iterations=1).check(AggregationConfig())
    ContinuityConfig(iterations=1).check(AggregationConfig(reduction=False))
    with pytest.raises(SettingError, match=r"enter: 0\.1 is below leave, 0\.2"):
        ContinuityConfig(enter=0.1, leave=0.2).check(AggregationConfig())
