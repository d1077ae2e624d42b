"""What is new to a clip, and which waiting slot gets it."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dias.nn.slots.aggregation import Aggregated
from dias.nn.slots.arrivals import ArrivalsConfig, arrivals

CONFIG = ArrivalsConfig(size=0.15, overlap=0.5)
ONE = torch.eye(6)


def found(*things: str, like: list[Tensor]) -> Aggregated:
    """Things in ten tokens: `aab` are two of the first one, and one of the second."""
    tokens = torch.tensor([["abcdef".index(token) for token in "".join(things)]])
    logits = 9.0 * torch.nn.functional.one_hot(tokens, len(like)).mT
    there = torch.tensor([[bool((tokens == number).any()) for number in range(len(like))]])
    return Aggregated(slots=torch.stack(like)[None], kept=there, logits=[logits])


def places(seen: Aggregated, **changes: object) -> list[list[int]]:
    """Pairs (slot, thing). Slot 0 is there, is like the first axis, and has the first five tokens."""
    told: dict[str, object] = {
        "slots": ONE[None, :4],
        "waiting": ONE[None, :4],
        "masks": torch.tensor([[[1] * 5 + [0] * 5] + [[0] * 10] * 3]).bool(),
        "kept": torch.tensor([[True, False, False, False]]),
        "apart": 0.1,
        "config": CONFIG,
    }
    ever = changes.pop("ever", [0])
    told |= changes | {"ever": torch.tensor([[number in ever for number in range(4)]])}  # type: ignore[operator]
    return arrivals(seen, **told)[0].nonzero().tolist()  # type: ignore[arg-type]


def test_it_gets_the_slot_that_waits_with_what_is_most_like_it() -> None:
    new = 0.5 * ONE[1] + 2 * ONE[2]
    assert places(found("aaaaabbbbb", like=[ONE[0], new])) == [[2, 1]]


def test_what_returns_has_its_slot_and_what_is_new_rather_one_that_never_was_there() -> None:
    seen = found("aaaaabbbbb", like=[ONE[0], 0.5 * ONE[1] + 2 * ONE[2]])  # 0.03 from the third axis
    assert places(seen, ever=[0, 2]) == [[2, 1]]
    assert places(seen, ever=[0, 2], apart=0.01) == [[1, 1]]
    assert places(seen, ever=[0, 1, 2, 3], apart=0.01) == [[2, 1]]


def test_what_is_found_where_a_slot_is_expected_is_that_slots() -> None:
    bias = torch.zeros(1, 4, 10)
    bias[0, 2, :4] = -9.0  # expected among the last tokens, where the thing is
    bias[0, 1, 5:] = -9.0  # not there, though it looks like this
    seen = found("aaaaabbbbb", like=[ONE[0], ONE[1]])
    assert places(seen, ever=[0, 1, 2]) == [[1, 1]]
    assert places(seen, ever=[0, 1, 2], bias=bias) == [[2, 1]]
    assert places(seen, ever=[0, 1], bias=bias) == [[2, 1]]  # never there; as good as the fourth


def test_what_is_like_a_slot_that_is_there_is_not_new() -> None:
    almost = ONE[0] + 0.6 * ONE[1]  # a cosine distance of 0.14
    seen = found("aaaaabbbbb", like=[ONE[4], almost])
    assert places(seen) == [[1, 1]]
    assert places(seen, apart=0.2) == []


@pytest.mark.parametrize(
    ("tokens", "new"), [("bbbbaaaaaa", False), ("bbaaaaaaaa", True), ("abbbbbbbbb", True)]
)
def test_what_has_more_than_half_of_a_slot_is_not_new(tokens: str, new: bool) -> None:
    """IoU of the second thing with the first five tokens: 4/5, 2/5, 4/10."""
    assert places(found(tokens, like=[ONE[0], ONE[3]])) == ([[3, 1]] if new else [])


def test_what_is_too_small_is_nothing() -> None:
    seen = found("aaaaaaaaab", like=[ONE[0], ONE[3]])
    assert places(seen) == []
    assert places(seen, config=replace(CONFIG, size=0.05)) == [[3, 1]]


def test_of_two_that_want_one_slot_the_more_alike_gets_it() -> None:
    seen = found("aaaabbbccc", like=[ONE[0], ONE[3] + 0.5 * ONE[4], ONE[3] + 0.1 * ONE[5]])
    assert places(seen, kept=torch.tensor([[True, False, False, False]])) == [[3, 2]]
    others = ONE[None, [0, 1, 4, 3]]
    assert places(seen, waiting=others) == [[3, 2]]  # both still want slot 3; the other comes a frame later


def test_where_no_slot_waits_or_nothing_was_found_nothing_comes() -> None:
    seen = found("aaaaabbbbb", like=[ONE[0], ONE[3]])
    assert places(seen, kept=torch.ones(1, 4, dtype=torch.bool)) == []
    nothing = replace(seen, kept=torch.tensor([[True, False]]))
    assert places(nothing) == []


def test_each_clip_of_a_batch_is_for_itself() -> None:
    one, other = found("aaaaabbbbb", like=[ONE[0], ONE[3]]), found("aaaaaaaaaa", like=[ONE[0], ONE[3]])
    both = Aggregated(
        slots=torch.cat([one.slots, other.slots]),
        kept=torch.cat([one.kept, other.kept]),
        logits=[torch.cat([one.logits[0], other.logits[0]])],
    )
    found_ = arrivals(
        both,
        ever=torch.tensor([[True, False, False, False]] * 2),
        slots=ONE[None, :4].expand(2, -1, -1),
        waiting=ONE[None, :4].expand(2, -1, -1),
        masks=torch.zeros(2, 4, 10, dtype=torch.bool),
        kept=torch.tensor([[True, False, False, False]] * 2),
        apart=0.1,
        config=CONFIG,
    )
    assert found_.nonzero().tolist() == [[0, 3, 1]]
