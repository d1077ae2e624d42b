"""Scenes into pictures with MuJoCo: colours, segment numbers and depth of every pixel."""

import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from dias.data.synthetic.scene import ObjectSpec, Scene, Surface
from dias.data.synthetic.textures import texture
from dias.errors import DiasError, how_to_install

_OVERSAMPLING = 2


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """A picture and what is known of it; metres. Segment 0: floor and sky; object i has i + 1."""

    image: UInt8[np.ndarray, "s s 3"]
    mask: UInt8[np.ndarray, "s s"]
    depth: Float[np.ndarray, "s s"]


def render(scene: Scene, *, size: int) -> Rendering:
    """Render a scene as a square of `size` pixels; colours are drawn twice as large and averaged.

    Raises:
        DiasError: mujoco or an OpenGL library is missing; says how to install it.
    """
    mujoco = _mujoco()
    model = _model(mujoco, scene, size=size)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = mujoco.MjvCamera()
    camera.lookat[:] = (0, 0, 0.25)
    camera.distance, camera.azimuth = scene.camera.distance, scene.camera.azimuth
    camera.elevation = -scene.camera.elevation
    with _renderer(mujoco, model, _OVERSAMPLING * size) as renderer:
        renderer.update_scene(data, camera)
        image = Image.fromarray(renderer.render()).resize((size, size), Image.Resampling.BOX)
        renderer.enable_segmentation_rendering()
        seen = renderer.render()[::_OVERSAMPLING, ::_OVERSAMPLING]
        renderer.disable_segmentation_rendering()
        renderer.enable_depth_rendering()
        depth = renderer.render()[::_OVERSAMPLING, ::_OVERSAMPLING]
    geoms = np.where(seen[..., 1] == mujoco.mjtObj.mjOBJ_GEOM, seen[..., 0], -1)
    owner = np.array([_owner(model.geom(i).name) for i in range(model.ngeom)] + [0])  # the last: nothing, -1
    return Rendering(
        image=np.asarray(image), mask=owner[geoms].astype(np.uint8), depth=np.asarray(depth, dtype=np.float64)
    )


def _mujoco() -> Any:
    if sys.platform.startswith("linux"):
        os.environ.setdefault("MUJOCO_GL", "egl")
    try:
        import mujoco
    except ImportError as error:
        if "mujoco" in str(error) and getattr(error, "name", "") == "mujoco":
            raise DiasError(f"rendering: mujoco is not installed; run: {how_to_install('synth')}") from None
        raise DiasError(_no_gl(error)) from None
    except AttributeError as error:  # what PyOpenGL says of a library that it cannot find
        raise DiasError(_no_gl(error)) from None
    return mujoco


def _renderer(mujoco: Any, model: Any, size: int) -> Any:
    try:
        return mujoco.Renderer(model, size, size)
    except (AttributeError, ImportError, RuntimeError, mujoco.FatalError) as error:
        raise DiasError(_no_gl(error)) from None


def _no_gl(error: Exception) -> str:
    return (
        f"rendering: no OpenGL library could be used ({str(error).splitlines()[0]}); on Debian: "
        "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri, or libosmesa6 and MUJOCO_GL=osmesa"
    )


def _model(mujoco: Any, scene: Scene, *, size: int) -> Any:
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth = spec.visual.global_.offheight = _OVERSAMPLING * size
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
    floor = _material(mujoco, spec, "floor", scene.floor, cube=False)
    world.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[12, 12, 0.1], material=floor)
    for number, thing in enumerate(scene.objects, start=1):
        material = _material(mujoco, spec, f"object{number}", thing.surface, cube=True)
        for part, geom in enumerate(_geoms(mujoco, spec, thing, number)):
            world.add_geom(name=f"object{number}.{part}", material=material, **geom)
    return spec.compile()


def _material(mujoco: Any, spec: Any, name: str, surface: Surface, *, cube: bool) -> str:
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
        texrepeat=[surface.repeat] * 2,
        texuniform=False,
        specular=surface.specular,
        shininess=surface.shininess,
    )
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name


def _geoms(  # noqa: C901 - one case a shape
    mujoco: Any, spec: Any, thing: ObjectSpec, number: int
) -> list[dict[str, Any]]:
    """The solids that an object is built of, standing on the floor."""
    kinds, r = mujoco.mjtGeom, thing.radius
    a, b = thing.flatness
    turn = [float(np.cos(thing.turn / 2)), 0.0, 0.0, float(np.sin(thing.turn / 2))]

    def solid(kind: Any, size: list[float], height: float, aside: float = 0.0) -> dict[str, Any]:
        x = thing.place[0] + aside * np.cos(thing.turn)
        y = thing.place[1] + aside * np.sin(thing.turn)
        return {"type": kind, "size": [*size, 0.0, 0.0][:3], "pos": [x, y, height], "quat": turn}

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
            return [{"type": kinds.mjGEOM_MESH, "meshname": mesh, "pos": [*thing.place, 0.0], "quat": turn}]
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


def _owner(name: str) -> int:
    """Segment of a geom: 0 for the floor."""
    return int(name.removeprefix("object").partition(".")[0]) if name.startswith("object") else 0
