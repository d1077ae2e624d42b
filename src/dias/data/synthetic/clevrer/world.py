"""The table and what moves on it, as a MuJoCo model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from dias.data.synthetic.clevrer.drawing import RADIUS, Actor
from dias.data.synthetic.clevrer.view import FIELD_OF_VIEW

# RGB, of the same names as CLEVR's; further apart, so that each is told from the others on both materials.
PAINT: dict[str, tuple[int, int, int]] = {
    "gray": (122, 122, 122),
    "red": (200, 30, 30),
    "blue": (36, 70, 225),
    "green": (24, 135, 40),
    "brown": (125, 72, 28),
    "cyan": (40, 205, 210),
    "purple": (140, 40, 200),
    "yellow": (250, 222, 40),
}
_TABLE = 40.0  # half a side, metres: what leaves the picture still has it below
# Sliding (two directions), turning, rolling (two directions).
_ON_TABLE = [0.035, 0.035, 0.002, 0.007, 0.007]
_BETWEEN = [0.1, 0.1, 0.001, 0.0001, 0.0001]
_BOUNCE = [0.02, 0.25]  # seconds, damping: bounces
_STILL = [0.02, 1.0]
_SIDE = 96  # pixels of a texture


def build(mujoco: Any, actors: Sequence[Actor], *, size: tuple[int, int] | None = None) -> Any:
    """Compile a model in which body i is actor i: seven numbers each in `qpos`, and geom i + 1.

    Args:
        mujoco: the module.
        actors: who is there.
        size: width and height in which it is to be drawn; None: it is not, and has no colours.
    """
    spec = mujoco.MjSpec()
    world = spec.worldbody
    if size is not None:
        _light(mujoco, spec, size)
    table = world.add_geom(
        name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[_TABLE, _TABLE, 0.1], contype=0, conaffinity=0
    )
    if size is not None:
        table.material = _table(mujoco, spec)
    names = []
    for number, actor in enumerate(actors):
        radius, shape = RADIUS[actor.thing.shape], actor.thing.shape
        turn = [float(np.cos(actor.turn / 2)), 0.0, 0.0, float(np.sin(actor.turn / 2))]
        body = world.add_body(name=f"body{number}", pos=[*actor.place, radius], quat=turn)
        body.add_freejoint()
        kinds = mujoco.mjtGeom
        kind = {"sphere": kinds.mjGEOM_SPHERE, "cylinder": kinds.mjGEOM_CYLINDER, "cube": kinds.mjGEOM_BOX}
        geom = body.add_geom(
            name=f"geom{number}", type=kind[shape], size=[radius] * 3, density=1000, contype=0, conaffinity=0
        )
        if size is not None:
            geom.material = _paint(mujoco, spec, number, actor)
        names.append(geom.name)
    for place, one in enumerate(names):
        spec.add_pair(geomname1="table", geomname2=one, condim=6, friction=_ON_TABLE, solref=_STILL)
        for other in names[:place]:
            spec.add_pair(geomname1=other, geomname2=one, condim=4, friction=_BETWEEN, solref=_BOUNCE)
    return spec.compile()


def _light(mujoco: Any, spec: Any, size: tuple[int, int]) -> None:
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 2 * size[0], 2 * size[1]
    spec.visual.global_.fovy = FIELD_OF_VIEW
    spec.visual.quality.shadowsize = 2048
    spec.visual.quality.offsamples = 0
    spec.visual.quality.numslices = spec.visual.quality.numstacks = 48
    spec.visual.quality.numquads = 12
    spec.visual.headlight.ambient = [0.42] * 3
    spec.visual.headlight.diffuse = [0.12] * 3
    spec.visual.headlight.specular = [0.0] * 3
    for place, bright, shadow in (((-1.2, -1.6, 7.0), 0.5, True), ((3.0, -1.0, 4.0), 0.2, False)):
        spec.worldbody.add_light(
            pos=place,
            dir=[-x for x in place],
            castshadow=shadow,
            diffuse=[bright] * 3,
            specular=[0.7] * 3,
            exponent=4.0,
        )


def _table(mujoco: Any, spec: Any) -> str:
    spec.add_material(name="table", rgba=[0.62, 0.62, 0.61, 1.0], specular=0.05, shininess=0.05)
    return "table"


def _paint(mujoco: Any, spec: Any, number: int, actor: Actor) -> str:
    """Rubber is matt and of one colour; metal is glossy, and its colour is that of what it mirrors too."""
    name = f"paint{number}"
    metal = actor.thing.material == "metal"
    colour = np.array(PAINT[actor.thing.color], dtype=float)
    square = _mirrored(colour) if metal else _plain(colour)
    spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_CUBE,
        width=_SIDE,
        height=6 * _SIDE,
        nchannel=3,
        data=square.ravel().tolist(),
    )
    material = spec.add_material(
        name=name, specular=1.0 if metal else 0.05, shininess=0.85 if metal else 0.0, texuniform=False
    )
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name


def _plain(colour: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    return np.broadcast_to(colour, (6 * _SIDE, _SIDE, 3)).astype(np.uint8)


def _mirrored(colour: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    """A bright sky above, a dark horizon and a lighter table below, as a polished surface shows them."""
    tilt = np.broadcast_to(np.linspace(-1, 1, _SIDE)[:, None], (_SIDE, _SIDE))
    sky = np.clip(-1.4 * tilt - 0.1, 0, 1)
    horizon = np.exp(-(((tilt - 0.12) / 0.18) ** 2))
    light = 0.85 + 0.75 * sky - 0.42 * horizon + 0.25 * np.clip(tilt, 0, 1)
    side = np.clip(colour * light[..., None] + 55 * (sky**2)[..., None], 0, 255)
    top = np.clip(np.broadcast_to(colour * 1.2 + 28, side.shape), 0, 255)
    below = np.broadcast_to(colour * 0.7, side.shape)
    lying = side.transpose(1, 0, 2)
    # The sides of a cube, one below another: +x, -x, +y, -y, +z, -z, each as OpenGL turns it.
    return np.concatenate([lying, lying[:, ::-1], side[::-1], side, top, below]).astype(np.uint8)
