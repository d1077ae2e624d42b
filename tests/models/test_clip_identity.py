"""A slot is one thing for a whole clip: things move, enter, leave, return, and hide behind one another."""

import pytest
import torch
from torch import Tensor

import dias.models.clip
from dias.models import ClipModel, ClipOutput
from toy_clip_features import Life, soft_k_means, toy_clip_features


@torch.no_grad()
def owners(model: ClipModel, lives: list[Life]) -> tuple[ClipOutput, list[list[set[int]]]]:
    """What the model says; and of each object (the ground first) and frame, the slots that own its tokens."""
    features, labels = toy_clip_features(lives)
    return _said(model, features, labels)


def _said(model: ClipModel, features: Tensor, labels: Tensor) -> tuple[ClipOutput, list[list[set[int]]]]:
    out = model.from_features(features, generator=torch.Generator().manual_seed(0))
    owner = out.attention.argmax(dim=2)
    return out, [
        [
            {
                (clip, int(slot))
                for clip in range(len(labels))
                for slot in owner[clip, frame][labels[clip, frame] == number].unique()
            }
            for frame in range(labels.shape[1])
        ]
        for number in range(int(labels.max()) + 1)
    ]


def both(slot: int) -> set[tuple[int, int]]:
    """One slot in both clips."""
    return {(0, slot), (1, slot)}


def there(out: ClipOutput) -> list[list[str]]:
    return [["".join("01"[int(k)] for k in frame) for frame in clip] for clip in out.mask]


ROUNDS = [{}, {"reinitialization": False}, {"bilevel": True}, {"threshold": "auto"}]


@pytest.mark.parametrize("aggregation", ROUNDS)
def test_things_that_move_keep_their_slots(aggregation: dict[str, object]) -> None:
    out, found = owners(soft_k_means(**aggregation), [[(0, 6)], [(0, 6)]])
    assert found == [[both(0)] * 6, [both(2)] * 6, [both(3)] * 6]
    # Slot 1 repeats the ground, slot 4 finds nothing of its own (`auto` may leave it at first).
    assert [clip[1:] for clip in there(out)] == [["10110"] * 5] * 2


@pytest.mark.parametrize("aggregation", ROUNDS)
def test_a_slot_is_revived_when_a_thing_enters_and_masked_when_it_leaves(
    aggregation: dict[str, object],
) -> None:
    out, found = owners(soft_k_means(**aggregation), [[(0, 6)], [(2, 4)]])
    assert found[:2] == [[both(0)] * 6, [both(2)] * 6]
    assert found[2] == [set(), set(), both(3), both(3), set(), set()]
    assert there(out) == [["10100", "10100", "10110", "10110", "10100", "10100"]] * 2


def test_a_thing_that_returns_has_its_slot_again() -> None:
    out, found = owners(soft_k_means(), [[(0, 6)], [(0, 2), (4, 6)]])
    assert found[2] == [both(3), both(3), set(), set(), both(3), both(3)]
    assert there(out) == [["10110", "10110", "10100", "10100", "10110", "10110"]] * 2


def test_a_new_thing_has_a_slot_of_its_own_not_that_of_one_that_left() -> None:
    out, found = owners(soft_k_means(), [[(0, 3)], [(0, 6)], [(3, 6)]])
    assert found[1] == [both(2)] * 3 + [set()] * 3
    assert found[3] == [set()] * 3 + [both(4)] * 3
    assert there(out) == [["10110"] * 3 + ["10011"] * 3] * 2


def test_slots_that_know_nothing_of_a_new_thing_find_it_too() -> None:
    """Queries far from every colour: what they found nothing with, they wait with."""
    out, found = owners(soft_k_means(starts=(0, 1, 6, 7, 5)), [[(0, 6)], [(2, 6)]])
    assert there(out)[0][:2] == ["11000"] * 2
    entered = found[2][2]
    assert len(entered) == 2
    assert all(slot > 1 for _, slot in entered)
    assert found[2] == [set(), set(), entered, entered, entered, entered]


@torch.no_grad()
def test_a_thing_that_is_hidden_by_another_comes_back_under_its_own_slot() -> None:
    """Two things cross in one row; for two frames the nearer one covers the other."""
    labels = torch.zeros(1, 8, 6, 6, dtype=torch.int64)
    for frame, (far, near) in enumerate([(0, 4), (0, 4), (1, 3), (2, 2), (2, 2), (3, 1), (4, 0), (4, 0)]):
        labels[0, frame, 2:4, far : far + 2] = 2
        labels[0, frame, 2:4, near : near + 2] = 1
    flat = labels.flatten(2)
    out, found = _said(soft_k_means(), torch.eye(8)[flat], flat)
    assert found[1] == [{(0, 2)}] * 8
    assert found[2] == [{(0, 3)}] * 3 + [set()] * 2 + [{(0, 3)}] * 3
    assert [kept[3] for kept in there(out)[0]] == list("11100111")


@torch.no_grad()
def test_frames_that_show_nothing_revive_nothing_and_end_nothing() -> None:
    features, labels = toy_clip_features([[(0, 6)], [(0, 6)]])
    features[:, 2:4] = torch.eye(8)[0]
    labels[:, 2:4] = 0
    out, found = _said(soft_k_means(), features, labels)
    assert there(out) == [["10110"] * 6] * 2
    assert found[1][4:] == [both(2)] * 2
    assert found[2][4:] == [both(3)] * 2


@pytest.mark.parametrize("enter", [0.1, 0.12])
def test_how_large_a_new_thing_must_be_is_a_setting(enter: float) -> None:
    model = soft_k_means(enter=enter, arrivals=False)
    out, _ = owners(model, [[(0, 6)], [(2, 4)]])
    assert bool(out.mask[0, 2, 3]) is (enter < 4 / 36)


def test_what_waiting_slots_do_not_win_is_found_by_looking_at_each_frame_anew() -> None:
    """No waiting slot may win so much that it comes back: `enter` is more than a thing has."""
    lives: list[Life] = [[(0, 6)], [(2, 4)]]
    out, _ = owners(soft_k_means(enter=0.2, arrivals=False), lives)
    assert there(out) == [["10100"] * 6] * 2
    out, found = owners(soft_k_means(enter=0.2), lives)
    assert found[:2] == [[both(0)] * 6, [both(2)] * 6]
    assert found[2] == [set(), set(), both(3), both(3), set(), set()]
    assert there(out) == [["10100", "10100", "10110", "10110", "10100", "10100"]] * 2


def test_a_thing_that_is_found_again_has_its_slot_again() -> None:
    out, found = owners(soft_k_means(enter=0.2), [[(0, 6)], [(0, 2), (4, 6)]])
    assert found[2] == [both(3), both(3), set(), set(), both(3), both(3)]
    assert there(out) == [["10110", "10110", "10100", "10100", "10110", "10110"]] * 2


def test_training_does_not_look_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = dias.models.clip.starts
    monkeypatch.setattr(dias.models.clip, "starts", lambda *a, **k: (looks.append(1), real(*a, **k))[1])
    features, _ = toy_clip_features([[(0, 6)]])
    for model, expected in (
        (soft_k_means(), 6),
        (soft_k_means().train(), 1),
        (soft_k_means(arrivals=False), 1),
    ):
        looks.clear()
        model.from_features(features)
        assert len(looks) == expected


@torch.no_grad()
def test_the_order_of_slots_changes_nothing() -> None:
    lives = [[(0, 6)], [(2, 4)]]
    order = [2, 0, 3, 1, 4]  # the first frame merges 1, 3 and 4 into 0, the first of them, which stays that
    starts = (0, 0, 1, 2, 3)
    usual, moved = soft_k_means(starts=starts), soft_k_means(starts=starts)
    moved.image.queries.mean.copy_(usual.image.queries.mean[:, order])
    expected, _ = owners(usual, lives)
    found, _ = owners(moved, lives)
    assert torch.equal(found.mask, expected.mask[:, :, order])
    torch.testing.assert_close(found.attention, expected.attention[:, :, order])
