"""Motion into frames and segments."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias.data.synthetic.clevrer.drawing import Actor
from dias.data.synthetic.clevrer.simulating import Motion
from dias.data.synthetic.clevrer.view import AZIMUTH, DISTANCE, ELEVATION, LOOK_AT
from dias.data.synthetic.clevrer.world import build
from dias.data.synthetic.engine import OVERSAMPLING, renderer

_UPRIGHT = (1.0, 0.0, 0.0, 0.0)


def film(
    mujoco: Any, actors: Sequence[Actor], motion: Motion, *, frames: int, size: tuple[int, int]
) -> Iterator[tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]]:
    """Draw each frame: colours, and the segments (0 is the table, object i has i + 1).

    Raises:
        DiasError: no OpenGL library can be used; says how to install one.
    """
    model = build(mujoco, actors, size=size)
    data = mujoco.MjData(model)
    with _drawing(mujoco, model, size) as draw:
        for frame in range(frames):
            poses = motion.poses[frame].copy()
            for number, actor in enumerate(actors):
                if actor.thing.shape == "sphere":
                    poses[number, 3:] = _UPRIGHT  # what a ball mirrors does not roll with it
            data.qpos[:] = poses.ravel()
            mujoco.mj_forward(model, data)
            yield draw(data)


@contextmanager
def _drawing(mujoco: Any, model: Any, size: tuple[int, int]) -> Iterator[Any]:
    width, height = size
    camera = mujoco.MjvCamera()
    camera.lookat[:] = LOOK_AT
    camera.distance, camera.azimuth, camera.elevation = DISTANCE, AZIMUTH, -ELEVATION
    with renderer(mujoco, model, OVERSAMPLING * width, OVERSAMPLING * height) as drawer:

        def draw(data: Any) -> tuple[np.ndarray, np.ndarray]:
            drawer.update_scene(data, camera)
            colours = Image.fromarray(drawer.render()).resize((width, height), Image.Resampling.BOX)
            drawer.enable_segmentation_rendering()
            seen = drawer.render()[::OVERSAMPLING, ::OVERSAMPLING]
            drawer.disable_segmentation_rendering()
            # geom 0 is the table, geom i + 1 is object i; nothing is -1
            return np.asarray(colours), np.maximum(seen[..., 0], 0).astype(np.uint8)

        yield draw
