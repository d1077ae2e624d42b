"""What a rendered scene holds: drawn from its seed, nothing else."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dias.data.synthetic.textures import STANDARD, UNSEEN

Variant = Literal["standard", "ood"]
STANDARD_SHAPES = ("sphere", "box", "cylinder", "capsule", "ellipsoid")
UNSEEN_SHAPES = ("cone", "pyramid", "dumbbell", "snowman", "table")
SHAPES = STANDARD_SHAPES + UNSEEN_SHAPES  # an object's class is its place here

MIDDLE = (0.0, 0.0, 0.25)  # what cameras look at, metres
FIELD_OF_VIEW = 45.0  # of all cameras, degrees from top to bottom
_AREA = 1.75  # half side of the square that objects stand in, metres
_TRIES = 200


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A pattern, how often it repeats, and how it shines (0 to 1)."""

    pattern: str
    seed: int
    repeat: float
    specular: float
    shininess: float


@dataclass(frozen=True, kw_only=True)
class ObjectSpec:
    """One object: shape, radius of its footprint and place (metres), turn (radians), proportions."""

    shape: str
    radius: float
    place: tuple[float, float]
    turn: float
    flatness: tuple[float, float]
    surface: Surface


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Looks at the middle of the floor: metres away, degrees around and above."""

    distance: float
    azimuth: float
    elevation: float


@dataclass(frozen=True, kw_only=True)
class Light:
    """A lamp that throws shadows, and how bright it and everything else is (0 to 1)."""

    place: tuple[float, float, float]
    diffuse: float
    ambient: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that the renderer needs."""

    floor: Surface
    objects: tuple[ObjectSpec, ...]
    camera: Camera
    light: Light


def draw_scene(
    rng: np.random.Generator, *, objects: tuple[int, int] = (3, 8), variant: Variant = "standard"
) -> Scene:
    """Draw a scene with a number of objects in the given range; they stand on the floor and do not touch."""
    patterns, _ = looks(variant)
    count = int(rng.integers(objects[0], objects[1] + 1))
    placed = tuple(
        draw_object(rng, place=place, radius=radius, variant=variant) for place, radius in places(rng, count)
    )
    return Scene(
        floor=draw_surface(rng, patterns, repeat=(4.0, 12.0)),
        objects=placed,
        camera=draw_camera(rng),
        light=draw_light(rng),
    )


def looks(variant: Variant) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Patterns and shapes of a variant."""
    return (STANDARD, STANDARD_SHAPES) if variant == "standard" else (UNSEEN, UNSEEN_SHAPES)


def draw_object(
    rng: np.random.Generator, *, place: tuple[float, float], radius: float, variant: Variant
) -> ObjectSpec:
    """Draw shape, turn, proportions and surface of an object."""
    patterns, shapes = looks(variant)
    return ObjectSpec(
        shape=str(rng.choice(shapes)),
        radius=radius,
        place=place,
        turn=float(rng.uniform(0, 2 * np.pi)),
        flatness=(float(rng.uniform(0.6, 0.95)), float(rng.uniform(0.55, 0.95))),
        surface=draw_surface(rng, patterns, repeat=(1.0, 2.5)),
    )


def draw_camera(rng: np.random.Generator) -> Camera:
    """Draw where a scene is looked at from."""
    return Camera(
        distance=float(rng.uniform(4.4, 5.3)),
        azimuth=float(rng.uniform(0, 360)),
        elevation=float(rng.uniform(32, 58)),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a lamp above the floor."""
    return Light(
        place=(float(rng.uniform(-2.5, 2.5)), float(rng.uniform(-2.5, 2.5)), float(rng.uniform(4, 6))),
        diffuse=float(rng.uniform(0.45, 0.8)),
        ambient=float(rng.uniform(0.25, 0.45)),
    )


def places(rng: np.random.Generator, count: int) -> list[tuple[tuple[float, float], float]]:
    """Footprints that do not overlap: rejection sampling, smaller each time it fails."""
    found: list[tuple[tuple[float, float], float]] = []
    largest, tries = 0.62, 0
    while len(found) < count:
        radius = float(rng.uniform(0.55 * largest, largest))
        x, y = (float(v) for v in rng.uniform(-_AREA + radius, _AREA - radius, 2))
        if all(np.hypot(x - other[0], y - other[1]) > radius + size + 0.04 for other, size in found):
            found.append(((x, y), radius))
        tries += 1
        if tries % _TRIES == 0:
            largest *= 0.9
    return found


def draw_surface(
    rng: np.random.Generator, patterns: tuple[str, ...], *, repeat: tuple[float, float]
) -> Surface:
    """Draw a pattern and how it shines."""
    return Surface(
        pattern=str(rng.choice(patterns)),
        seed=int(rng.integers(2**31)),
        repeat=float(rng.uniform(*repeat)),
        specular=float(rng.uniform(0, 0.7)),
        shininess=float(rng.uniform(0.05, 0.9)),
    )
