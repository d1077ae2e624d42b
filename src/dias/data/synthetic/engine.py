"""MuJoCo behind one door: found or not with a plain word, and what a camera sees of a model."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int32, UInt8
from PIL import Image

from dias.data.synthetic.scene import MIDDLE, Camera
from dias.errors import DiasError, how_to_install

OVERSAMPLING = 2  # colours are drawn so much larger and averaged


@dataclass(frozen=True, kw_only=True)
class View:
    """What a camera sees: colours, number of the geom (-1: none), distance along the line of sight (metres).

    Geoms and distances are those of the first of the `OVERSAMPLING` x `OVERSAMPLING` points of a pixel.
    """

    image: UInt8[np.ndarray, "s s 3"]
    geoms: Int32[np.ndarray, "s s"]
    depth: Float64[np.ndarray, "s s"]


class Eye:
    """Looks at one model in squares of `size` pixels; `looking` makes it."""

    def __init__(self, mujoco: Any, renderer: Any, size: int) -> None:
        self._mujoco, self._renderer, self._size = mujoco, renderer, size

    def see(self, data: Any, camera: Camera) -> View:
        """Draw all that is known."""
        renderer = self._aimed(data, camera)
        image = Image.fromarray(renderer.render()).resize((self._size, self._size), Image.Resampling.BOX)
        geoms = self._segmentation()
        renderer.enable_depth_rendering()
        depth = renderer.render()[::OVERSAMPLING, ::OVERSAMPLING]
        renderer.disable_depth_rendering()
        return View(image=np.asarray(image), geoms=geoms, depth=np.asarray(depth, dtype=np.float64))

    def geoms(self, data: Any, camera: Camera) -> Int32[np.ndarray, "s s"]:
        """Draw the numbers of the geoms alone."""
        self._aimed(data, camera)
        return self._segmentation()

    def _aimed(self, data: Any, camera: Camera) -> Any:
        aim = self._mujoco.MjvCamera()
        aim.lookat[:] = MIDDLE
        aim.distance, aim.azimuth, aim.elevation = camera.distance, camera.azimuth, -camera.elevation
        self._renderer.update_scene(data, aim)
        return self._renderer

    def _segmentation(self) -> Int32[np.ndarray, "s s"]:
        self._renderer.enable_segmentation_rendering()
        seen = self._renderer.render()[::OVERSAMPLING, ::OVERSAMPLING]
        self._renderer.disable_segmentation_rendering()
        geom = seen[..., 1] == self._mujoco.mjtObj.mjOBJ_GEOM
        return np.where(geom, seen[..., 0], -1).astype(np.int32)


@contextmanager
def looking(mujoco: Any, model: Any, *, size: int) -> Iterator[Eye]:
    """An eye for a model, and the OpenGL context it needs.

    Raises:
        DiasError: no OpenGL library can be used; says how to install one.
    """
    with renderer(mujoco, model, OVERSAMPLING * size, OVERSAMPLING * size) as drawer:
        yield Eye(mujoco, drawer, size)


def load_mujoco() -> Any:
    """The module.

    Raises:
        DiasError: mujoco or an OpenGL library is missing; says how to install it.
    """
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


def renderer(mujoco: Any, model: Any, width: int, height: int) -> Any:
    """MuJoCo's own, to be used in a `with`.

    Raises:
        DiasError: no OpenGL library can be used; says how to install one.
    """
    try:
        return mujoco.Renderer(model, height, width)
    except (AttributeError, ImportError, RuntimeError, mujoco.FatalError) as error:
        raise DiasError(_no_gl(error)) from None


def _no_gl(error: Exception) -> str:
    return (
        f"rendering: no OpenGL library could be used ({str(error).splitlines()[0]}); on Debian: "
        "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri, or libosmesa6 and MUJOCO_GL=osmesa"
    )
