"""Clips in which it is known beforehand what happens: to test tracks with."""

from dataclasses import replace
from typing import Literal

import numpy as np

from dias.data.synthetic.clip import Clip, Start, turned
from dias.data.synthetic.scene import (
    Camera,
    ObjectSpec,
    Variant,
    draw_light,
    draw_object,
    draw_surface,
    looks,
)

Script = Literal["crossing", "enter-leave", "behind"]
# Looks along +y, so that x grows to the right of the picture; 2 m to either side are seen at y = 0.
_CAMERA = Camera(distance=5.0, azimuth=90.0, elevation=14.0)
_UPRIGHT = ("sphere", "cylinder", "snowman", "table")  # alike from all sides


def draw_script(
    rng: np.random.Generator, script: Script, *, seconds: float, variant: Variant = "standard"
) -> Clip:
    """Draw looks and small differences of a script; objects go straight on, the camera stays.

    `crossing`: two objects that look the same pass one another; in the middle 1 hides most of 2.
    `enter-leave`: 1 stays, 2 comes in from the left after a while, 3 leaves to the right.
    `behind`: 2 goes behind 1, which stays, is gone for a while and comes out at the other side.
    """
    tracks: list[tuple[ObjectSpec, float, float, float]]  # object, y, x at first and at last
    shift = float(rng.uniform(-0.1, 0.1))
    match script:
        case "crossing":
            one = _thing(rng, variant, radius=0.5, shape=0)
            tracks = [(one, -0.55, -1.35, 1.35), (one, 0.55, 1.5, -1.5)]
        case "enter-leave":
            things = [_thing(rng, variant, radius=0.5, shape=int(rng.integers(2))) for _ in range(3)]
            tracks = [
                (things[0], 0.2, shift, shift),
                (things[1], 1.3, -3.9, -1.2),
                (things[2], -0.6, 1.1, 3.9),
            ]
        case "behind":
            large = replace(_thing(rng, variant, radius=1.0, shape=1), flatness=(0.95, 0.8))
            small = _thing(rng, variant, radius=0.35, shape=0)
            tracks = [(large, -0.3, shift, shift), (small, 1.1, -2.1, 2.1)]
    starts = [
        Start(
            position=(first, y, 0.0),
            rotation=turned(thing.turn),
            velocity=((last - first) / seconds, 0.0, 0.0),
            spin=(0.0, 0.0, 0.5 if first != last else 0.0),
        )
        for thing, y, first, last in tracks
    ]
    return Clip(
        floor=draw_surface(rng, looks(variant)[0], repeat=(4.0, 12.0)),
        objects=tuple(
            replace(thing, place=(start.position[0], start.position[1]))
            for (thing, *_), start in zip(tracks, starts, strict=True)
        ),
        starts=tuple(starts),
        light=draw_light(rng),
        cameras=(_CAMERA, _CAMERA),
        physics=False,
    )


def _thing(rng: np.random.Generator, variant: Variant, *, radius: float, shape: int) -> ObjectSpec:
    """An object that is alike from all sides, of the first or second such shape of the variant."""
    drawn = draw_object(rng, place=(0.0, 0.0), radius=radius, variant=variant)
    shapes = [one for one in _UPRIGHT if one in looks(variant)[1]]
    return replace(drawn, shape=shapes[shape], flatness=(0.9, 0.9))
