"""Programs on logs that are small enough to answer by hand, and properties that hold for all."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dias.data.clevrer import (
    OPERATIONS,
    Event,
    EventLog,
    ObjectProperty,
    ProgramError,
    answer_of,
    execute,
    log_of,
    read_annotation,
    read_questions,
)

MINIATURE = Path(__file__).parents[1] / "miniatures" / "clevrer"
RED = ("objects", "red", "filter_color", "unique")
CUBE = ("objects", "cube", "filter_shape", "unique")
GRAY = ("objects", "gray", "filter_color", "unique")
BLUE = ("objects", "blue", "filter_color", "unique")
RED_HITS_CUBE = ("events", *RED, "filter_collision", *CUBE, "filter_collision", "unique")
CUBE_HITS_GRAY = ("events", *CUBE, "filter_collision", *GRAY, "filter_collision", "unique")


def log(*, simulated: bool = True) -> EventLog:
    """0, a red metal sphere, enters and pushes 1, a green cube, into 2, a gray cylinder, which leaves.

    3, a blue rubber sphere, lies there. Without 0 nothing happens; without 1, 0 hits 2 and later 3.
    """
    looks = [("red", "metal", "sphere"), ("green", "rubber", "cube"), ("gray", "metal", "cylinder")]
    looks.append(("blue", "rubber", "sphere"))
    visible = np.ones((10, 4), dtype=np.bool_)
    visible[:2, 0] = False
    visible[8:, 2] = False
    moving = np.zeros((10, 4), dtype=np.bool_)
    moving[:5, 0] = moving[4:7, 1] = moving[6:, 2] = True
    enters, leaves = Event("in", 2, (0,)), Event("out", 8, (2,))
    hits = Event("collision", 4, (0, 1)), Event("collision", 6, (1, 2))
    other = Event("collision", 5, (0, 2)), Event("collision", 9, (0, 3))
    return EventLog(
        things=tuple(ObjectProperty(i, *look) for i, look in enumerate(looks)),  # type: ignore[arg-type]
        visible=visible,
        moving=moving,
        events=(enters, *hits, leaves),
        future=(Event("collision", 12, (0, 3)),) if simulated else None,
        without=((), (enters, *other), (enters, hits[0]), (enters, *hits, leaves)) if simulated else None,
    )


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("objects count", "4"),
        ("objects sphere filter_shape count", "2"),
        ("objects red filter_color unique query_material", "metal"),
        ("events objects filter_collision count", "2"),
        ("events objects filter_in first filter_order get_object query_color", "red"),
        (" ".join((*RED_HITS_CUBE, *RED, "get_col_partner", "query_shape")), "cube"),
        ("events objects filter_collision last filter_order objects cube filter_shape unique "
         "get_col_partner query_color", "gray"),
        ("objects start get_frame filter_moving count", "0"),  # the red one moves, unseen
        ("objects end get_frame filter_stationary count", "3"),
        ("objects null filter_moving count", "3"),
        ("objects null filter_stationary unique query_color", "blue"),
        ("events events objects gray filter_color unique filter_out unique filter_before objects "
         "filter_collision count", "2"),
        ("events events objects red filter_color unique filter_in unique filter_before exist", "no"),
        ("objects cyan filter_color exist negate", "yes"),
        ("objects cube filter_shape events objects gray filter_color unique filter_out unique get_frame "
         "filter_moving exist", "no"),
        # the executor's own names
        ("objects events filter_end query_frame filter_stationary count", "3"),
        (" ".join((*RED_HITS_CUBE, *RED, "query_collision_partner", "query_color")), "green"),
    ],
)  # fmt: skip
def test_what_can_be_told_by_hand(program: str, answer: str) -> None:
    assert execute(program.split(), log()) == answer


@pytest.mark.parametrize(
    ("choice", "event", "answer"),
    [
        (RED, CUBE_HITS_GRAY, "correct"),
        (BLUE, CUBE_HITS_GRAY, "wrong"),
        (RED_HITS_CUBE, CUBE_HITS_GRAY, "correct"),
        (("events", *RED, "filter_in", "unique"), CUBE_HITS_GRAY, "correct"),
        (CUBE, ("events", *GRAY, "filter_out", "unique"), "correct"),
        (CUBE_HITS_GRAY, RED_HITS_CUBE, "wrong"),  # comes later
        (GRAY, RED_HITS_CUBE, "wrong"),
    ],
)
def test_what_is_responsible(choice: tuple[str, ...], event: tuple[str, ...], answer: str) -> None:
    program = ("events", *event, "filter_ancestor", "belong_to")
    assert answer_of(log(), program, choice) == answer
    other = {"correct": "wrong", "wrong": "correct"}[answer]
    assert answer_of(log(), (*program, "negate"), choice) == other


def test_what_does_not_change_an_outcome_is_no_cause_though_it_came_first() -> None:
    """Object 3 touches 1 on its way, and 1 hits 2 with and without it."""
    touch = Event("collision", 5, (1, 3))
    known = log()
    happened = EventLog(
        things=known.things, visible=known.visible, moving=known.moving,
        events=(*known.events[:2], touch, *known.events[2:]), future=(), without=known.without,
    )  # fmt: skip
    causes = happened.causes(known.events[2])
    assert touch not in causes.events
    assert causes.events == known.events[:2]
    assert causes.objects == {0, 1, 2}


def test_past_the_end_and_without_an_object() -> None:
    red_blue = ("all_events", *RED, "filter_collision", *BLUE, "filter_collision", "unique")
    red_gray = ("all_events", *RED, "filter_collision", *GRAY, "filter_collision", "unique")
    assert answer_of(log(), ("unseen_events", "belong_to"), red_blue) == "correct"
    assert answer_of(log(), ("unseen_events", "belong_to"), red_gray) == "wrong"
    without_cube = ("all_events", *CUBE, "get_counterfact", "belong_to")
    assert answer_of(log(), without_cube, red_gray) == "correct"
    assert answer_of(log(), ("all_events", *RED, "filter_counterfact", "belong_to"), red_blue) == "wrong"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("objects red filter_colour", r"word 2 \(filter_colour\): is unknown"),
        ("objects unique", r"word 1 \(unique\): expected one, got 4"),
        ("count", r"word 0 \(count\): needs 1 values, there are 0"),
        ("events red filter_color", r"word 2 \(filter_color\): cannot work on"),
        ("objects metal filter_color", r"'metal' is no color"),
        ("events objects filter_collision second filter_order get_object", "expected an entrance or exit"),
        ("events objects filter_in second filter_order", "there is no second of 1"),
        ("objects objects count", "leaves no answer"),
        ("", "leaves no answer"),
    ],
)
def test_a_program_that_cannot_be_run_says_where(program: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        execute(program.split(), log())


@pytest.mark.parametrize("program", [
    ("unseen_events", "count"),
    ("all_events", *RED, "get_counterfact", "count"),
    ("events", *CUBE_HITS_GRAY, "filter_ancestor", "belong_to"),
])  # fmt: skip
def test_what_only_a_simulator_knows_is_not_made_up(program: tuple[str, ...]) -> None:
    with pytest.raises(ProgramError, match="the log has no"):
        execute((*RED, *program), log(simulated=False))


WORDS = [*OPERATIONS, "filter_start", "filter_end", "red", "metal", "cube", "first", "last", "null", "what"]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_any_list_of_words_is_answered_or_refused(program: list[str]) -> None:
    with suppress(ProgramError):
        assert isinstance(execute(program, log()), str)


happenings = st.sets(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["in", "out", "collision"]),
        st.sampled_from([(a, b) for a in range(4) for b in range(4) if a < b]),
    ),
    max_size=8,
)


def in_time(found: set[tuple[int, str, tuple[int, int]]]) -> tuple[Event, ...]:
    made = {Event(type, frame, pair if type == "collision" else pair[:1]) for frame, type, pair in found}  # type: ignore[arg-type]
    return tuple(sorted(made, key=lambda one: one.frame))


@settings(max_examples=40)
@given(happenings)
def test_before_at_and_after_an_event_is_everything(found: set[tuple[int, str, tuple[int, int]]]) -> None:
    happened = in_time(found)
    base = log()
    known = EventLog(things=base.things, visible=base.visible, moving=base.moving, events=happened)

    def count(*program: str) -> int:
        return int(execute([*program, "count"], known))

    assert count("events") == len(happened)
    for order in ("first", "last"):
        of_all = ("events", "objects", "filter_collision", order, "filter_order")
        collisions = [one for one in happened if one.type == "collision"]
        if collisions:
            frame = collisions[0 if order == "first" else -1].frame
            sides = [count("events", *of_all, f"filter_{side}") for side in ("before", "after")]
            assert sum(sides) == len(happened) - sum(one.frame == frame for one in happened)
    kinds = sum(count("events", "objects", f"filter_{type}") for type in ("in", "out", "collision"))
    assert kinds == len(happened)


@settings(max_examples=40)
@given(happenings)
def test_causes_come_before_and_an_object_of_an_event_is_responsible(
    found: set[tuple[int, str, tuple[int, int]]],
) -> None:
    happened = in_time(found)
    base = log()
    known = EventLog(
        things=base.things, visible=base.visible, moving=base.moving, events=happened,
        without=tuple(tuple(one for one in happened if i not in one.objects) for i in range(4)),
    )  # fmt: skip
    for event in happened:
        causes = known.causes(event)
        assert set(event.objects) <= causes.objects
        assert all(one.frame < event.frame for one in causes.events)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_every_program_of_a_rendered_set_gives_the_stored_answer(split: str) -> None:
    checked = 0
    for video in read_questions(MINIATURE / f"{split}.json"):
        file = next(MINIATURE.glob(f"annotation_{split}/*/annotation_{video.scene_index:05d}.json"))
        known = log_of(read_annotation(file))
        for question in video.questions:
            assert question.program is not None
            if question.choices is None:
                assert answer_of(known, question.program) == question.answer
            for choice in question.choices or ():
                assert choice.program is not None
                assert answer_of(known, question.program, choice.program) == choice.answer
            checked += 1
    assert checked > 15
