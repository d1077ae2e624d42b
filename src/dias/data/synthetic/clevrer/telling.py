"""Videos drawn until something happens in them, and all that a simulator knows of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from dias.data.clevrer import values
from dias.data.clevrer.log import Event, in_order, passages
from dias.data.synthetic.clevrer.drawing import Actor, draw_actors
from dias.data.synthetic.clevrer.simulating import Motion, rate_of, simulate
from dias.data.synthetic.clevrer.view import inside
from dias.errors import DiasError

FUTURE = 0.5  # how long the simulation goes on past the video, in lengths of the video
_ATTEMPTS = 200
_LEAST_COLLISIONS = 2


@dataclass(frozen=True, kw_only=True)
class Told:
    """A video before it is rendered."""

    actors: tuple[Actor, ...]
    motion: Motion
    annotation: values.Annotation


def tell(mujoco: Any, seed: Sequence[int], *, scene: int, frames: int, objects: tuple[int, int]) -> Told:
    """Draw, simulate and re-simulate a video.

    It is drawn again until two collisions are seen, none happens out of sight, no object enters or leaves
    twice, and each is seen at some time.

    Args:
        mujoco: the module.
        seed: of all that is drawn.
        scene: number of the video.
        frames: how many are shown.
        objects: fewest and most.

    Raises:
        DiasError: no such video is found.
    """
    longer, rate = frames + round(FUTURE * frames), rate_of(frames)
    for attempt in range(_ATTEMPTS):
        actors = draw_actors(np.random.default_rng([*seed, attempt]), objects=objects)
        motion = simulate(mujoco, actors, frames=longer, rate=rate)
        if _happens(motion, frames):
            break
    else:
        raise DiasError(f"video {scene}: too little happens in {_ATTEMPTS} attempts; take more objects")
    without = [
        events_of(simulate(mujoco, actors, frames=frames, rate=rate, without=number), frames)
        for number in range(len(actors))
    ]
    future = [event for event in events_of(motion, longer) if event.frame >= frames]
    seen = visible(motion)
    annotation = values.Annotation(
        scene_index=scene,
        video_filename=f"video_{scene:05d}.mp4",
        object_property=tuple(actor.thing for actor in actors),
        motion_trajectory=tuple(_moment(motion, seen, frame) for frame in range(frames)),
        collision=tuple(
            values.Collision(touch.objects, touch.frame, _rounded(touch.place))
            for touch in motion.touches
            if touch.frame < frames
        ),
        resimulated=values.Resimulated(_logged(future), tuple(map(_logged, without))),
    )
    return Told(actors=actors, motion=motion, annotation=annotation)


def events_of(motion: Motion, frames: int) -> tuple[Event, ...]:
    """Events of a simulation's first frames, in order of time; collisions where both are in the picture."""
    seen = visible(motion)[:frames]
    collisions = [
        Event("collision", touch.frame, touch.objects)
        for touch in motion.touches
        if touch.frame < frames and seen[touch.frame, list(touch.objects)].all()
    ]
    return in_order([*passages(seen), *collisions])


def visible(motion: Motion) -> Bool[np.ndarray, "t k"]:
    """Whether the middle of each object is in the picture; what was taken away is not."""
    places = motion.poses[..., :3]
    there = np.isfinite(places).all(axis=-1)
    return np.asarray(there & inside(np.where(there[..., None], places, 1e6)))


def _happens(motion: Motion, frames: int) -> bool:
    seen = visible(motion)
    shown = [touch for touch in motion.touches if touch.frame < frames]
    in_sight = all(seen[touch.frame, list(touch.objects)].all() for touch in motion.touches)
    passed = [(event.type, event.objects) for event in passages(seen)]
    return (
        len(shown) >= _LEAST_COLLISIONS
        and in_sight
        and len(set(passed)) == len(passed)
        and bool(seen[:frames].any(axis=0).all())
    )


def _moment(motion: Motion, seen: Bool[np.ndarray, "t k"], frame: int) -> values.Moment:
    return values.Moment(
        frame,
        tuple(
            values.Pose(
                object_id=number,
                location=_rounded(pose[:3]),
                orientation=_rounded(_angles(pose[3:])),
                velocity=_rounded(speed[:3]),
                angular_velocity=_rounded(speed[3:]),
                inside_camera_view=bool(seen[frame, number]),
            )
            for number, (pose, speed) in enumerate(
                zip(motion.poses[frame], motion.speeds[frame], strict=True)
            )
        ),
    )


def _angles(rotation: Float64[np.ndarray, "4"]) -> tuple[float, float, float]:
    """Turns about x, then y, then z, of a unit quaternion (w, x, y, z)."""
    w, x, y, z = (float(v) for v in rotation)
    about_x = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    about_y = np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))
    about_z = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return float(about_x), float(about_y), float(about_z)


def _logged(events: Sequence[Event]) -> tuple[values.LoggedEvent, ...]:
    found = []
    for event in events:
        assert event.type != "start" and event.type != "end"  # noqa: PT018 - mypy narrows these
        found.append(values.LoggedEvent(event.type, event.frame, event.objects))
    return tuple(found)


def _rounded(numbers: Iterable[float]) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 5) for v in numbers)
    return x, y, z
