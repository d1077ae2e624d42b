"""Clips in motion: where every body is at every frame, and what touched what."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from dias.data.synthetic.clip import Clip
from dias.data.synthetic.world import owners

_STEP = 1 / 480  # seconds at most


@dataclass(frozen=True, kw_only=True)
class Contact:
    """Two things that touched after the frame before and not later than `frame`.

    Attributes:
        frame: from 0; what touches at the start is of frame 0.
        objects: segment numbers, the lesser first; 0 is the floor.
        force: greatest normal force in that time, newtons (a litre weighs a kilogram).
        position: where, at that moment; metres.
    """

    frame: int
    objects: tuple[int, int]
    force: float
    position: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Bodies at each frame and at the one that would follow the last.

    Attributes:
        positions: of the middle of each object's base, metres.
        rotations: unit quaternions (w, x, y, z).
        contacts: by frame, then by objects; without physics, what overlaps.
    """

    positions: Float64[np.ndarray, "u k 3"]
    rotations: Float64[np.ndarray, "u k 4"]
    contacts: tuple[Contact, ...]


def simulate(mujoco: Any, model: Any, clip: Clip, *, frames: int, rate: float) -> Trajectory:
    """Let a clip run.

    Args:
        mujoco: the module.
        model: of the clip, its bodies free.
        clip: where they start.
        frames: number of frames.
        rate: frames a second.
    """
    substeps = int(np.ceil(1 / rate / _STEP))
    model.opt.timestep = 1 / rate / substeps
    data = mujoco.MjData(model)
    poses = []
    contacts: list[Contact] = []
    owner = owners(model)
    data.qpos[:] = np.concatenate([[*start.position, *start.rotation] for start in clip.starts])
    data.qvel[:] = np.concatenate([[*start.velocity, *start.spin] for start in clip.starts])
    for frame in range(frames + 1):
        if not clip.physics:
            _place(mujoco, data, clip, frame / rate)
        if frame == 0 or not clip.physics:
            mujoco.mj_forward(model, data)
            touched = _touching(mujoco, model, data, owner, frame)
        else:
            touched = {}
            for _ in range(substeps):
                mujoco.mj_step(model, data)
                for pair, contact in _touching(mujoco, model, data, owner, frame).items():
                    if pair not in touched or contact.force > touched[pair].force:
                        touched[pair] = contact
        poses.append(np.array(data.qpos).reshape(-1, 7))
        if frame < frames:
            contacts.extend(touched[pair] for pair in sorted(touched))
    path = np.stack(poses)
    return Trajectory(positions=path[..., :3], rotations=path[..., 3:], contacts=tuple(contacts))


def _place(mujoco: Any, data: Any, clip: Clip, seconds: float) -> None:
    """Where each body is if nothing stops it."""
    for number, start in enumerate(clip.starts):
        rotation = np.array(start.rotation)
        mujoco.mju_quatIntegrate(rotation, np.array(start.spin), seconds)
        place = np.array(start.position) + seconds * np.array(start.velocity)
        data.qpos[7 * number : 7 * number + 7] = [*place, *rotation]


def _touching(
    mujoco: Any, model: Any, data: Any, owner: np.ndarray, frame: int
) -> dict[tuple[int, int], Contact]:
    """The strongest contact of each pair of things at this moment."""
    found: dict[tuple[int, int], Contact] = {}
    force = np.zeros(6)
    for place in range(data.ncon):
        contact = data.contact[place]
        if contact.dist > 0:
            continue  # near, not touching
        one, other = sorted(int(owner[geom]) for geom in contact.geom)
        mujoco.mj_contactForce(model, data, place, force)
        if (one, other) not in found or force[0] > found[one, other].force:
            x, y, z = (float(v) for v in contact.pos)
            found[one, other] = Contact(
                frame=frame, objects=(one, other), force=float(force[0]), position=(x, y, z)
            )
    return found
