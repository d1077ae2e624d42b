"""What a rendered clip holds: drawn from its seed, nothing else."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dias.data.synthetic.scene import (
    Camera,
    Light,
    ObjectSpec,
    Surface,
    Variant,
    draw_camera,
    draw_light,
    draw_object,
    draw_surface,
    looks,
    places,
)

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_GRAVITY = 9.81
_OUTSIDE = 3.2  # metres from the middle: out of most views


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where an object's body is at first, and how it moves.

    Attributes:
        position: of the middle of its base, metres.
        rotation: unit quaternion (w, x, y, z).
        velocity: metres a second.
        spin: radians a second, about the body's own axes.
    """

    position: Vector
    rotation: Quaternion
    velocity: Vector = (0.0, 0.0, 0.0)
    spin: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Everything that simulation and renderer need.

    Attributes:
        floor: what the floor looks like.
        objects: what moves on it.
        starts: of each object.
        light: a lamp that stays.
        cameras: of the first and of the last frame; between them distance and angles change evenly.
        physics: bodies fall and collide; without, each goes straight on through whatever is in its way.
    """

    floor: Surface
    objects: tuple[ObjectSpec, ...]
    starts: tuple[Start, ...]
    light: Light
    cameras: tuple[Camera, Camera]
    physics: bool = True

    def camera(self, share: float) -> Camera:
        """The camera after a share (0 to 1) of the clip."""
        first, last = self.cameras

        def between(one: float, other: float) -> float:
            return one + share * (other - one)

        return Camera(
            distance=between(first.distance, last.distance),
            azimuth=between(first.azimuth, last.azimuth),
            elevation=between(first.elevation, last.elevation),
        )


def draw_clip(
    rng: np.random.Generator,
    *,
    objects: tuple[int, int] = (3, 8),
    variant: Variant = "standard",
    camera: Literal["still", "moving"] = "still",
) -> Clip:
    """Draw objects of which some lie, some roll or slide, and some fall or fly in towards others.

    Two at least move, if there are two. Nothing touches anything but the floor at first.
    """
    count = int(rng.integers(objects[0], objects[1] + 1))
    spots = places(rng, count)
    drawn = tuple(draw_object(rng, place=spot, radius=radius, variant=variant) for spot, radius in spots)
    flying = max(1, int(rng.binomial(count, 0.35)))
    rolling = min(count - flying, max(1, int(rng.binomial(count, 0.3))))
    starts = [
        _flying(rng, thing, number=i, of=flying, target=spots[int(rng.integers(count))][0])
        if i < flying
        else _lying(rng, thing, moves=i < flying + rolling)
        for i, thing in enumerate(drawn)
    ]
    first = draw_camera(rng)
    return Clip(
        floor=draw_surface(rng, looks(variant)[0], repeat=(4.0, 12.0)),
        objects=drawn,
        starts=tuple(starts),
        light=draw_light(rng),
        cameras=(first, _moved(rng, first) if camera == "moving" else first),
    )


def turned(angle: float) -> Quaternion:
    """A turn about the vertical, radians."""
    return (float(np.cos(angle / 2)), 0.0, 0.0, float(np.sin(angle / 2)))


def _lying(rng: np.random.Generator, thing: ObjectSpec, *, moves: bool) -> Start:
    speed, angle = float(rng.uniform(0.8, 2.2)) * moves, float(rng.uniform(0, 2 * np.pi))
    return Start(
        position=(*thing.place, 0.0),
        rotation=turned(thing.turn),
        velocity=(speed * float(np.cos(angle)), speed * float(np.sin(angle)), 0.0),
    )


def _flying(
    rng: np.random.Generator, thing: ObjectSpec, *, number: int, of: int, target: tuple[float, float]
) -> Start:
    """High enough to be clear of what lies, and so fast that it comes down near `target`."""
    height = float(rng.uniform(1.3, 2.2))
    x, y = thing.place
    if rng.uniform() < 0.35:  # from outside the picture, each from a side of its own
        angle = 2 * np.pi * (number + float(rng.uniform(0, 0.5))) / of
        x, y = _OUTSIDE * float(np.cos(angle)), _OUTSIDE * float(np.sin(angle))
    pace = float(rng.uniform(0.7, 1.0)) / float(np.sqrt(2 * height / _GRAVITY))
    spin = rng.uniform(-3, 3, 3)
    tilt = rng.normal(size=4)
    tilt /= np.linalg.norm(tilt)
    return Start(
        position=(x, y, height),
        rotation=(float(tilt[0]), float(tilt[1]), float(tilt[2]), float(tilt[3])),
        velocity=((target[0] - x) * pace, (target[1] - y) * pace, 0.0),
        spin=(float(spin[0]), float(spin[1]), float(spin[2])),
    )


def _moved(rng: np.random.Generator, camera: Camera) -> Camera:
    return Camera(
        distance=camera.distance * float(rng.uniform(0.85, 1.15)),
        azimuth=camera.azimuth + float(rng.choice([-1, 1])) * float(rng.uniform(8, 30)),
        elevation=float(np.clip(camera.elevation + rng.uniform(-8, 8), 30, 60)),
    )
