"""Courses by hand: a dot on a grid moves, hides and turns up again; what is expected of it."""

import pytest
import torch
from torch import Tensor

from dias.nn.slots.motion import Course, MotionConfig, course_after, expected_places

GRID = (8, 10)
PLAIN = MotionConfig()


def shown(*places: tuple[int, int] | None) -> tuple[Tensor, Tensor]:
    """Attention, and who is kept: slot 1 is a square of 2 x 2 tokens at (column, row), slot 0 the rest."""
    frames, kept = [], []
    for place in places:
        dot = torch.zeros(GRID)
        if place is not None:
            dot[place[1] : place[1] + 2, place[0] : place[0] + 2] = 1.0
        frames.append(torch.stack([1 - dot, dot]).flatten(1))
        kept.append(torch.tensor([True, place is not None]))
    return torch.stack(frames), torch.stack(kept)


def course_of(*places: tuple[int, int] | None, config: MotionConfig = PLAIN) -> Course:
    course = None
    for attention, kept in zip(*shown(*places), strict=True):
        course = course_after(course, config, attention[None], kept[None], grid=GRID)
    assert course is not None
    return course


def test_the_first_frame_tells_place_extent_and_size() -> None:
    course = course_of((3, 5))
    assert course.centre[0, 1].tolist() == pytest.approx([4 / 10, 6 / 8])
    assert course.velocity[0, 1].tolist() == [0, 0]
    # Four tokens, half a token from their centre in both axes; and the extent of a token itself.
    assert course.extent[0, 1].item() == pytest.approx(0.05**2 + 0.0625**2 + 1 / 80)
    assert course.size[0].tolist() == pytest.approx([76 / 80, 4 / 80])


def test_a_thing_at_a_steady_pace_is_expected_where_it_will_be() -> None:
    course = course_of((1, 2), (2, 3), (3, 4))
    assert course.centre[0, 1].tolist() == pytest.approx([4 / 10, 5 / 8])
    assert course.velocity[0, 1].tolist() == pytest.approx([1 / 10, 1 / 8])
    bias = expected_places(course, PLAIN, grid=GRID)
    assert bias is not None
    pull = bias[0, 1].view(GRID)
    assert pull.max() == 0
    assert (pull[5:7, 4:6] == 0).all()  # the next square
    assert pull[0, 0] < pull[2, 2] < 0


def test_a_hidden_thing_moves_on_and_grows_vague() -> None:
    seen, hidden = course_of((1, 2), (2, 2), (3, 2)), course_of((1, 2), (2, 2), (3, 2), None, None)
    assert hidden.centre[0, 1].tolist() == pytest.approx([6 / 10, 3 / 8])
    assert hidden.velocity[0, 1].tolist() == pytest.approx(seen.velocity[0, 1].tolist())
    assert (hidden.extent - seen.extent)[0, 1].item() == pytest.approx(2 * PLAIN.doubt / 80)
    assert hidden.size[0, 1] == seen.size[0, 1]


def test_what_is_left_of_a_half_hidden_thing_does_not_stop_it() -> None:
    attention, kept = shown((1, 2), (2, 2), (3, 2), (4, 2))
    attention[3, 1].view(GRID)[:, 5] = 0  # its front half is behind something
    course = None
    for one, there in zip(attention, kept, strict=True):
        course = course_after(course, PLAIN, one[None], there[None], grid=GRID)
    assert course is not None
    assert course.centre[0, 1].tolist() == pytest.approx([5 / 10, 3 / 8])


def test_a_thing_that_was_never_seen_is_expected_anywhere_and_begins_where_it_turns_up() -> None:
    course = course_of(None, None)
    bias = expected_places(course, PLAIN, grid=GRID)
    assert bias is not None
    assert (bias[0, 1] == 0).all()
    course = course_of(None, None, (6, 3))
    assert course.centre[0, 1].tolist() == pytest.approx([7 / 10, 4 / 8])
    assert course.velocity[0, 1].tolist() == [0, 0]


def test_a_wide_surface_goes_nowhere() -> None:
    bias = expected_places(course_of((3, 5), (4, 5)), PLAIN, grid=GRID)
    assert bias is not None
    assert (bias[0, 0] == 0).all()


def test_the_weight_is_that_of_a_variance_beyond_the_slack() -> None:
    course, config = course_of((3, 5)), MotionConfig(weight=3.0, slack=0.5)
    bias = expected_places(course, config, grid=GRID)
    assert bias is not None
    squared = (0.05 - 0.4) ** 2 + (0.0625 - 0.75) ** 2  # from the first token's centre
    assert bias[0, 1, 0].item() == pytest.approx(-1.5 * (squared / course.extent[0, 1].item() - 0.5))


def test_nobody_asks() -> None:
    attention, kept = shown((3, 5))
    assert course_after(None, None, attention, kept, grid=GRID) is None
    assert expected_places(course_of((3, 5)), None, grid=GRID) is None
    assert expected_places(None, PLAIN, grid=GRID) is None
