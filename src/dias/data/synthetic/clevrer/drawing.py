"""What a video holds: objects that differ, where each starts, when and how it is pushed."""

from dataclasses import dataclass

import numpy as np

from dias.data.clevrer.values import COLORS, MATERIALS, SHAPES, ObjectProperty
from dias.data.synthetic.clevrer.view import inside

RADIUS = {"sphere": 0.2, "cylinder": 0.2, "cube": 0.175}  # of a cube: half a side; all are as high as wide
SECONDS = 5.12  # CLEVRER's 128 frames at 25 a second
_APART = 0.75  # metres between objects that lie in the picture
_OUTSIDE = 0.35  # halves of a picture beyond its edge, where those that will enter wait
_LANE = 0.6  # metres between those that wait
_TRIES = 100


@dataclass(frozen=True, kw_only=True)
class Actor:
    """An object and what is done to it.

    Attributes:
        thing: what it looks like.
        place: metres.
        turn: radians, about the vertical.
        push: velocity that it is given, metres a second; none lies still until it is hit.
        at: seconds from the start, when it is pushed.
    """

    thing: ObjectProperty
    place: tuple[float, float]
    turn: float
    push: tuple[float, float] = (0.0, 0.0)
    at: float = 0.0


def draw_actors(rng: np.random.Generator, *, objects: tuple[int, int]) -> tuple[Actor, ...]:
    """Draw a video: some objects lie in the picture, the others enter one after another.

    Each that enters is aimed near one that lies there or entered before. No two look the same.
    """
    count = int(rng.integers(objects[0], objects[1] + 1))
    things = _things(rng, count)
    lying = max(1, int(rng.integers(1, max(2, count - 1))))
    places = _places(rng, lying)
    entering = count - lying
    times = np.sort(rng.uniform(0.05, 0.72 * SECONDS, entering))
    actors = [
        Actor(thing=thing, place=place, turn=float(rng.uniform(0, 2 * np.pi)))
        for thing, place in zip(things, places, strict=False)
    ]
    waiting: list[tuple[float, float]] = []
    for thing, at in zip(things[lying:], times, strict=True):
        target = places[int(rng.integers(lying))] + rng.normal(0, 0.18, 2)
        start, heading = _outside(rng, target, waiting)
        waiting.append(start)
        speed = float(rng.uniform(1.6, 3.0))
        actors.append(
            Actor(
                thing=thing,
                place=start,
                turn=float(rng.uniform(0, 2 * np.pi)),
                push=(speed * heading[0], speed * heading[1]),
                at=float(at),
            )
        )
    order = rng.permutation(count)
    return tuple(_numbered(actors[old], number) for number, old in enumerate(order))


def _numbered(actor: Actor, number: int) -> Actor:
    thing = actor.thing
    same = ObjectProperty(object_id=number, color=thing.color, material=thing.material, shape=thing.shape)
    return Actor(thing=same, place=actor.place, turn=actor.turn, push=actor.push, at=actor.at)


def _things(rng: np.random.Generator, count: int) -> list[ObjectProperty]:
    """Looks that differ from one another."""
    looks = [(color, material, shape) for color in COLORS for material in MATERIALS for shape in SHAPES]
    chosen = rng.permutation(len(looks))[:count]
    return [
        ObjectProperty(object_id=i, color=looks[k][0], material=looks[k][1], shape=looks[k][2])
        for i, k in enumerate(chosen)
    ]


def _places(rng: np.random.Generator, count: int) -> list[tuple[float, float]]:
    """In the picture, away from its edge and from one another."""
    found: list[tuple[float, float]] = []
    apart = _APART
    while len(found) < count:
        for _ in range(_TRIES):
            x, y = float(rng.uniform(-1.9, 1.9)), float(rng.uniform(-1.6, 1.6))
            if inside(np.array([x, y, 0.2]), margin=-0.15) and all(
                np.hypot(x - a, y - b) > apart for a, b in found
            ):
                found.append((x, y))
                break
        else:
            apart *= 0.9
    return found


def _outside(
    rng: np.random.Generator, target: np.ndarray, waiting: list[tuple[float, float]]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """A place from which one cannot be seen, and the direction from there to a target."""
    while True:
        angle = float(rng.uniform(0, 2 * np.pi))
        away = np.array([np.cos(angle), np.sin(angle)])
        reach = 0.5
        while inside(np.array([*(target + reach * away), 0.2]), margin=_OUTSIDE):
            reach += 0.1
        x, y = (float(v) for v in target + reach * away)
        if y > -3.6 and all(np.hypot(x - a, y - b) > _LANE for a, b in waiting):  # not beneath the camera
            return (x, y), (float(-away[0]), float(-away[1]))
