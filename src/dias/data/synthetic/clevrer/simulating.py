"""What becomes of actors: where each is at every frame, and which begin to touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from dias.data.synthetic.clevrer.drawing import RADIUS, SECONDS, Actor
from dias.data.synthetic.clevrer.world import build

_STEP = 0.005  # seconds at most
_APART = 0.2  # seconds without contact, after which two that touch collide anew


@dataclass(frozen=True)
class Touch:
    """Two objects (numbers in the video, the lesser first) that begin to touch in the time up to a frame."""

    frame: int
    objects: tuple[int, int]
    place: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Objects at each frame; one that was taken away has NaN.

    Attributes:
        poses: place (metres) and rotation (unit quaternion w, x, y, z).
        speeds: velocity (metres a second) and rotation (radians a second), both in the world's axes.
        touches: in order of time.
    """

    poses: Float64[np.ndarray, "t k 7"]
    speeds: Float64[np.ndarray, "t k 6"]
    touches: tuple[Touch, ...]


def simulate(
    mujoco: Any, actors: Sequence[Actor], *, frames: int, rate: float, without: int | None = None
) -> Motion:
    """Let a video run.

    Args:
        mujoco: the module.
        actors: who is in it.
        frames: how many are wanted, from time 0 on.
        rate: frames a second.
        without: an actor that is not there.
    """
    there = [number for number in range(len(actors)) if number != without]
    model = build(mujoco, [actors[number] for number in there])
    substeps = int(np.ceil(1 / rate / _STEP))
    model.opt.timestep = 1 / rate / substeps
    data = mujoco.MjData(model)
    pushes = [(round(actors[n].at * rate) * substeps, body, actors[n]) for body, n in enumerate(there)]
    poses = np.full((frames, len(actors), 7), np.nan)
    speeds = np.full((frames, len(actors), 6), np.nan)
    touches: list[Touch] = []
    last: dict[tuple[int, int], int] = {}
    apart = round(_APART * rate * substeps)
    for step in range((frames - 1) * substeps + 1):
        for when, body, actor in pushes:
            if when == step and any(actor.push):
                _push(data, body, actor)
        frame = -(-step // substeps)
        if step % substeps == 0:
            mujoco.mj_forward(model, data)
            poses[frame, there] = data.qpos.reshape(-1, 7)
            speeds[frame, there] = _speeds(mujoco, data, len(there))
        for pair, place in _touching(data):
            if step - last.get(pair, -apart - 1) > apart:
                one, other = sorted((there[pair[0]], there[pair[1]]))
                touches.append(Touch(frame, (one, other), place))
            last[pair] = step
        mujoco.mj_step(model, data)
    return Motion(poses=poses, speeds=speeds, touches=tuple(touches))


def rate_of(frames: int) -> float:
    """Frames a second of a video that has so many in `SECONDS`."""
    return frames / SECONDS


def _push(data: Any, body: int, actor: Actor) -> None:
    """Give a velocity; what is round rolls from the start."""
    x, y = actor.push
    radius = RADIUS[actor.thing.shape]
    start = 6 * body
    data.qvel[start : start + 3] = [x, y, 0.0]
    if actor.thing.shape == "sphere":
        turn = np.array(data.qpos[7 * body + 3 : 7 * body + 7])
        spin = _turned_back(turn, np.array([-y / radius, x / radius, 0.0]))
        data.qvel[start + 3 : start + 6] = spin


def _turned_back(turn: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """From the world's axes to those of a body with rotation `turn`."""
    w, axis = turn[0], -turn[1:]
    return np.asarray(vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector))


def _speeds(mujoco: Any, data: Any, count: int) -> np.ndarray:
    """Free joints keep velocity in the world's axes, rotation in the body's; here both are the world's."""
    found = np.array(data.qvel).reshape(-1, 6)
    for body in range(count):
        spin = np.zeros(3)
        mujoco.mju_rotVecQuat(spin, found[body, 3:].copy(), data.qpos[7 * body + 3 : 7 * body + 7])
        found[body, 3:] = spin
    return found


def _touching(data: Any) -> list[tuple[tuple[int, int], tuple[float, float, float]]]:
    """Pairs of bodies that touch now; geom 0 is the table, geom i + 1 is body i."""
    if not data.ncon:
        return []
    geoms = data.contact.geom
    places = np.flatnonzero((geoms > 0).all(axis=1) & (data.contact.dist <= 0))
    found: dict[tuple[int, int], tuple[float, float, float]] = {}
    for place in places:
        one, other = sorted(int(geom) - 1 for geom in geoms[place])
        x, y, z = (float(v) for v in data.contact.pos[place])
        found.setdefault((one, other), (x, y, z))
    return sorted(found.items())
