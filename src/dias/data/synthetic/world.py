"""Scenes as MuJoCo models: an object is a body, which may move, and the solids that it is built of."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from dias.data.synthetic.engine import OVERSAMPLING
from dias.data.synthetic.scene import FIELD_OF_VIEW, Light, ObjectSpec, Surface
from dias.data.synthetic.textures import texture

_SMALL, _WIDE = 12.0, 24.0  # half side of the floor, metres; wide: what flies off still has a floor below it
# Sliding, spinning and rolling friction: what rolls comes to rest after some metres.
_FRICTION = (0.6, 0.02, 0.002)


@runtime_checkable
class Furnished(Protocol):
    """A scene or a clip, as far as a model is made of it."""

    @property
    def floor(self) -> Surface:
        """What the floor looks like."""
        ...

    @property
    def objects(self) -> tuple[ObjectSpec, ...]:
        """What stands on it."""
        ...

    @property
    def light(self) -> Light:
        """What it is lit by."""
        ...


def build(mujoco: Any, scene: Furnished, *, size: int, free: bool = False) -> Any:
    """Compile a scene, to be drawn in squares of `size` pixels.

    Args:
        mujoco: the module.
        scene: what it is made of.
        size: pixels a side, before they are drawn larger.
        free: bodies move, in the order of the objects (seven numbers each in `qpos`); there is a sky.
    """
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth = spec.visual.global_.offheight = OVERSAMPLING * size
    spec.visual.global_.fovy = FIELD_OF_VIEW
    spec.visual.quality.shadowsize = 1024
    spec.visual.quality.offsamples = 0  # drawing twice as large does the smoothing
    spec.visual.headlight.ambient = [scene.light.ambient] * 3
    spec.visual.headlight.diffuse = [0.2] * 3
    world = spec.worldbody
    world.add_light(
        pos=scene.light.place,
        dir=[-x for x in scene.light.place],
        castshadow=True,
        diffuse=[scene.light.diffuse] * 3,
        specular=[0.3] * 3,
    )
    side = _WIDE if free else _SMALL
    if free:
        spec.visual.quality.numquads = 16  # light is reckoned at the corners of so many squares of the floor
        _sky(mujoco, spec)
    floor = _material(mujoco, spec, "floor", scene.floor, cube=False, wider=side / _SMALL)
    world.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[side, side, 0.1], material=floor,
        friction=_FRICTION,
    )  # fmt: skip
    for number, thing in enumerate(scene.objects, start=1):
        material = _material(mujoco, spec, f"object{number}", thing.surface, cube=True)
        turn = [float(np.cos(thing.turn / 2)), 0.0, 0.0, float(np.sin(thing.turn / 2))]
        body = world.add_body(name=f"object{number}", pos=[*thing.place, 0.0], quat=turn)
        if free:
            body.add_freejoint()
        for part, geom in enumerate(_geoms(mujoco, spec, thing, number)):
            body.add_geom(
                name=f"object{number}.{part}", material=material, friction=_FRICTION, condim=6, **geom
            )
    return spec.compile()


def owners(model: Any) -> UInt8[np.ndarray, " g"]:
    """Segment of each geom, 0 for the floor; the last is that of nothing, geom -1."""
    return np.array([_owner(model.geom(i).name) for i in range(model.ngeom)] + [0], dtype=np.uint8)


def _owner(name: str) -> int:
    return int(name.removeprefix("object").partition(".")[0]) if name.startswith("object") else 0


def _sky(mujoco: Any, spec: Any) -> None:
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.55, 0.65, 0.8],
        rgb2=[0.25, 0.3, 0.4],
        width=64,
        height=384,
    )


def _material(mujoco: Any, spec: Any, name: str, surface: Surface, *, cube: bool, wider: float = 1.0) -> str:
    """A texture over the surface; solids get it on the six sides of a cube around them."""
    square = texture(np.random.default_rng(surface.seed), pattern=surface.pattern)
    pixels = np.concatenate([square] * 6) if cube else square
    kind = mujoco.mjtTexture.mjTEXTURE_CUBE if cube else mujoco.mjtTexture.mjTEXTURE_2D
    spec.add_texture(
        name=name,
        type=kind,
        width=pixels.shape[1],
        height=pixels.shape[0],
        nchannel=3,
        data=pixels.ravel().tolist(),
    )
    material = spec.add_material(
        name=name,
        texrepeat=[surface.repeat * wider] * 2,
        texuniform=False,
        specular=surface.specular,
        shininess=surface.shininess,
    )
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name


def _geoms(  # noqa: C901 - one case a shape
    mujoco: Any, spec: Any, thing: ObjectSpec, number: int
) -> list[dict[str, Any]]:
    """The solids that an object is built of; the body's origin is the middle of what it stands on."""
    kinds, r = mujoco.mjtGeom, thing.radius
    a, b = thing.flatness

    def solid(kind: Any, size: list[float], height: float, aside: float = 0.0) -> dict[str, Any]:
        return {"type": kind, "size": [*size, 0.0, 0.0][:3], "pos": [aside, 0.0, height]}

    match thing.shape:
        case "sphere":
            return [solid(kinds.mjGEOM_SPHERE, [r], r)]
        case "box":
            return [solid(kinds.mjGEOM_BOX, [0.72 * r, 0.72 * r * a, r * b], r * b)]
        case "cylinder":
            return [solid(kinds.mjGEOM_CYLINDER, [0.8 * r * a, r * b], r * b)]
        case "capsule":
            return [solid(kinds.mjGEOM_CAPSULE, [0.6 * r, 0.6 * r], 1.2 * r)]
        case "ellipsoid":
            return [solid(kinds.mjGEOM_ELLIPSOID, [r, r * a, r * b], r * b)]
        case "cone" | "pyramid":
            corners = {"cone": 24, "pyramid": 4}[thing.shape]
            mesh = _mesh(spec, f"mesh{number}", corners=corners, radius=r, height=2 * r * b)
            return [{"type": kinds.mjGEOM_MESH, "meshname": mesh}]
        case "dumbbell":
            ends = [solid(kinds.mjGEOM_SPHERE, [0.45 * r], 0.45 * r, aside=s * 0.55 * r) for s in (-1, 1)]
            return [*ends, solid(kinds.mjGEOM_BOX, [0.5 * r, 0.12 * r, 0.12 * r], 0.45 * r)]
        case "snowman":
            below = solid(kinds.mjGEOM_SPHERE, [0.75 * r], 0.75 * r)
            return [below, solid(kinds.mjGEOM_SPHERE, [0.5 * r], 1.8 * r)]
        case "table":
            top = solid(kinds.mjGEOM_CYLINDER, [0.95 * r, 0.12 * r], 1.1 * r)
            return [top, solid(kinds.mjGEOM_CYLINDER, [0.22 * r, 0.5 * r], 0.5 * r)]
        case other:
            raise AssertionError(other)


def _mesh(spec: Any, name: str, *, corners: int, radius: float, height: float) -> str:
    """A regular base with a tip above it; MuJoCo takes the convex hull."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    base = [[radius * np.cos(x), radius * np.sin(x), 0.0] for x in angles]
    spec.add_mesh(name=name, uservert=np.array([*base, [0.0, 0.0, height]]).ravel().tolist())
    return name
