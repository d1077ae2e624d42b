"""Scenes into pictures with MuJoCo: colours, segment numbers and depth of every pixel."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from dias.data.synthetic.engine import load_mujoco, looking
from dias.data.synthetic.scene import Scene
from dias.data.synthetic.world import build, owners


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """A picture and what is known of it; metres. Segment 0: floor and sky; object i has i + 1."""

    image: UInt8[np.ndarray, "s s 3"]
    mask: UInt8[np.ndarray, "s s"]
    depth: Float[np.ndarray, "s s"]


def render(scene: Scene, *, size: int) -> Rendering:
    """Render a scene as a square of `size` pixels.

    Raises:
        DiasError: mujoco or an OpenGL library is missing; says how to install it.
    """
    mujoco = load_mujoco()
    model = build(mujoco, scene, size=size)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with looking(mujoco, model, size=size) as eye:
        view = eye.see(data, scene.camera)
    return Rendering(image=view.image, mask=owners(model)[view.geoms], depth=view.depth)
