"""Optical flow out of known motion: of the camera, of bodies, and the distance of every pixel."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Integer
from scipy.spatial.transform import Rotation

from dias.data.synthetic.engine import OVERSAMPLING
from dias.data.synthetic.scene import FIELD_OF_VIEW, MIDDLE, Camera

_NEAREST = 0.05  # metres before the camera: what comes nearer has no flow


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Camera and bodies at a frame.

    Attributes:
        camera: where it looks from.
        positions: of each body.
        rotations: unit quaternions (w, x, y, z).
    """

    camera: Camera
    positions: Float64[np.ndarray, "k 3"]
    rotations: Float64[np.ndarray, "k 4"]


def flow_between(
    now: Moment,
    then: Moment,
    *,
    mask: Integer[np.ndarray, "s s"],
    depth: Float64[np.ndarray, "s s"],
    sky: Bool[np.ndarray, "s s"],
) -> Float64[np.ndarray, "s s 2"]:
    """Where the point of a surface that each pixel shows goes to, in pixels (x to the right, y down).

    Exact for the point that mask and depth are of, whether or not it is hidden afterwards; the sky is taken
    to be infinitely far. NaN where a point comes to lie behind the camera.

    Args:
        now: when the pixels are seen.
        then: the next frame.
        mask: body of each pixel from 1; 0 does not move.
        depth: distance along the line of sight, metres.
        sky: pixels that show nothing.
    """
    size = mask.shape[0]
    at = (np.arange(size) + 0.5 / OVERSAMPLING) / size  # the points that are looked at, as shares
    x, y = np.meshgrid(2 * at - 1, 1 - 2 * at)
    slope = np.tan(np.radians(FIELD_OF_VIEW) / 2)
    right, up, ahead = axes(now.camera)
    rays = slope * x[..., None] * right + slope * y[..., None] * up + ahead
    points = place(now.camera) + depth[..., None] * rays
    moved = points.copy()
    for body in range(len(now.positions)):
        own = mask == body + 1
        here, there = (
            Rotation.from_quat(moment.rotations[body], scalar_first=True) for moment in (now, then)
        )
        moved[own] = there.apply(here.inv().apply(points[own] - now.positions[body])) + then.positions[body]
    offset = np.where(sky[..., None], rays, moved - place(then.camera))
    right, up, ahead = axes(then.camera)
    far = offset @ ahead
    far = np.where(far > _NEAREST, far, np.nan)
    shift = np.stack([offset @ right / far / slope - x, y - offset @ up / far / slope], axis=-1)
    return np.asarray(shift * size / 2)


def axes(camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors to the right, up and ahead."""
    around, down = np.radians(camera.azimuth), np.radians(-camera.elevation)
    ahead = np.array([np.cos(down) * np.cos(around), np.cos(down) * np.sin(around), np.sin(down)])
    up = np.array([-np.sin(down) * np.cos(around), -np.sin(down) * np.sin(around), np.cos(down)])
    return np.cross(ahead, up), up, ahead


def place(camera: Camera) -> np.ndarray:
    """Where the camera stands, metres."""
    return np.array(MIDDLE) - camera.distance * axes(camera)[2]
