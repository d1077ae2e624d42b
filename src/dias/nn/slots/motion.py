"""Where a clip's slots are heading: things move on at the speed they had, also behind others.

Slot Attention knows what a thing looks like, not how it moves: of two alike things that meet, either slot may
go on with either. So each slot keeps a course (centre, velocity, extent), and competes less for tokens that
lie beyond the extent of where it is expected. Nothing is learned; the course is an alpha-beta filter whose
gain falls to 0 as a thing is hidden. docs/video.md says what it is worth.
"""

from dataclasses import dataclass as plain_dataclass

import torch
from jaxtyping import Bool, Float
from pydantic import NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT, Fraction
from dias.nn.slots.competition import won

# In shares of the frame: a surface this wide (variance of both axes; the whole frame has 1/6) goes nowhere.
_SURFACE = 0.055
# Gain of the centre, and of extent and size: they are what was seen, smoothed over two or three frames.
_CENTRE, _SHAPE = 0.7, 0.3


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MotionConfig:
    """How much the expected place of a slot counts when slots compete for a later frame.

    Attributes:
        weight: of the distance; logits fall by half of it for each variance beyond the extent.
        slack: variances around the expected centre within which nothing falls (2: an even disc ends there).
        gain: share of what surprised in the place that the velocity takes.
        visible: share of its usual size below which a thing is hidden: it coasts on as it was going.
        doubt: variance that the extent of a hidden thing grows by in a frame, in areas of a token.
    """

    weight: PositiveFloat = 8.0
    slack: NonNegativeFloat = 1.5
    gain: Fraction = 0.5
    visible: Fraction = 0.7
    doubt: NonNegativeFloat = 0.3


@plain_dataclass(frozen=True, kw_only=True)
class Course:
    """Where each slot is, and where it is heading; lengths are shares of the frame's sides.

    Attributes:
        centre: (x, y) of the tokens it wins.
        velocity: change of the centre in a frame.
        extent: variance of these tokens' places, of both axes together.
        size: share of all tokens.
        frames: for how many frames it has been seen; the second one sets the velocity. 0: never, and it may
            turn up anywhere.
    """

    centre: Float[Tensor, "b n 2"]
    velocity: Float[Tensor, "b n 2"]
    extent: Float[Tensor, "b n"]
    size: Float[Tensor, "b n"]
    frames: Float[Tensor, "b n"]


@torch.no_grad()
def expected_places(
    course: Course | None, config: MotionConfig | None, *, grid: tuple[int, int]
) -> Float[Tensor, "b n m"] | None:
    """What is added to a later frame's logits: 0 where a slot is expected, less the farther away.

    Args:
        course: after the frame before.
        config: None: slots are expected anywhere, nothing is added.
        grid: of the tokens, rows and columns.
    """
    if course is None or config is None:
        return None
    expected = course.centre + course.velocity
    distance = (_places(grid).to(expected) - expected[:, :, None]).square().sum(dim=3)
    beyond = (distance / course.extent[..., None] - config.slack).clamp(min=0)
    somewhere = (course.frames > 0) & (course.extent < _SURFACE)
    return -config.weight / 2 * beyond * somewhere[..., None]


@torch.no_grad()
def course_after(
    course: Course | None,
    config: MotionConfig | None,
    attention: Float[Tensor, "b n m"],
    kept: Bool[Tensor, "b n"],
    *,
    grid: tuple[int, int],
) -> Course | None:
    """The courses once a frame is seen.

    Args:
        course: those before; None: this is the first frame.
        config: None: nobody asks for courses.
        attention: how the slots share the tokens; sums to 1 over n.
        kept: slots that are there.
        grid: of the tokens, rows and columns.
    """
    if config is None:
        return None
    seen = _begun(attention, kept, grid=grid)
    if course is None:
        return seen
    return _where(
        kept & (course.frames == 0), seen, _followed(course, config, seen, kept, tokens=grid[0] * grid[1])
    )


def _begun(attention: Float[Tensor, "b n m"], kept: Bool[Tensor, "b n"], *, grid: tuple[int, int]) -> Course:
    """Of slots that are seen for the first time: they stand still."""
    centre, extent, size = _seen(attention, grid)
    return Course(
        centre=centre, velocity=torch.zeros_like(centre), extent=extent, size=size, frames=kept.to(size)
    )


def _followed(
    course: Course, config: MotionConfig, seen: Course, kept: Bool[Tensor, "b n"], *, tokens: int
) -> Course:
    """Of slots that were seen before.

    A thing that shows less than `visible` of its usual size, or is masked, coasts: what is left of it to see
    is at its edge and tells neither its centre nor its size.
    """
    share = (seen.size / course.size.clamp(min=torch.finfo(seen.size.dtype).tiny)).clamp(max=1)
    trust = ((share - config.visible) / max(1 - config.visible, 1e-6)).clamp(0, 1) * kept
    gain = torch.where(course.frames < 2, 1.0, config.gain)
    expected = course.centre + course.velocity
    surprise = seen.centre - expected
    wider = course.extent + config.doubt / tokens
    return Course(
        centre=expected + (trust * gain.clamp(min=_CENTRE))[..., None] * surprise,
        velocity=course.velocity + (trust * gain)[..., None] * surprise,
        extent=torch.where(trust > 0, course.extent.lerp(seen.extent, _SHAPE * trust), wider),
        size=course.size.lerp(seen.size, _SHAPE * trust),
        frames=course.frames + trust,
    )


def _seen(
    attention: Float[Tensor, "b n m"], grid: tuple[int, int]
) -> tuple[Float[Tensor, "b n 2"], Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Centre, extent and size of the tokens that each slot wins, each counted by its attention."""
    own = attention * won(attention)
    mass = own.sum(dim=2)
    share = own / mass.clamp(min=torch.finfo(own.dtype).tiny)[..., None]
    places = _places(grid).to(share)
    centre = share @ places
    spread = (share * (places - centre[:, :, None]).square().sum(dim=3)).sum(dim=2)
    return centre, spread + 1 / len(places), mass / len(places)  # a single token has an extent too


def _places(grid: tuple[int, int]) -> Float[Tensor, "m 2"]:
    """Centres (x, y) of the tokens, row by row."""
    rows, columns = grid
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([(x.flatten() + 0.5) / columns, (y.flatten() + 0.5) / rows], dim=1)


def _where(condition: Bool[Tensor, "b n"], one: Course, other: Course) -> Course:
    return Course(
        centre=torch.where(condition[..., None], one.centre, other.centre),
        velocity=torch.where(condition[..., None], one.velocity, other.velocity),
        extent=torch.where(condition, one.extent, other.extent),
        size=torch.where(condition, one.size, other.size),
        frames=torch.where(condition, one.frames, other.frames),
    )
