"""The camera of all videos, as arithmetic: what is in the picture needs no renderer to be told."""

import numpy as np
from jaxtyping import Bool, Float64

DISTANCE, ELEVATION, AZIMUTH = 6.0, 33.0, 90.0  # metres, degrees; looks along +y
LOOK_AT = (0.0, 0.0, 0.1)
FIELD_OF_VIEW = 30.0  # degrees from top to bottom
ASPECT = 1.5  # width by height, as 480 x 320


def in_picture(points: Float64[np.ndarray, "*n 3"]) -> Float64[np.ndarray, "*n 2"]:
    """Where points are seen: x to the right, y down, -1 to 1 from edge to edge."""
    turn, lift = np.radians(AZIMUTH), np.radians(ELEVATION)
    ahead = np.array([np.cos(turn) * np.cos(lift), np.sin(turn) * np.cos(lift), -np.sin(lift)])
    right = np.array([np.sin(turn), -np.cos(turn), 0.0])
    down = np.cross(ahead, right)
    away = points - (np.array(LOOK_AT) - DISTANCE * ahead)
    reach = np.tan(np.radians(FIELD_OF_VIEW / 2)) * np.maximum(away @ ahead, 1e-6)
    return np.stack([away @ right / (ASPECT * reach), away @ down / reach], axis=-1)


def inside(points: Float64[np.ndarray, "*n 3"], *, margin: float = 0.0) -> Bool[np.ndarray, "*n"]:
    """Whether points are in the picture; `margin` widens it, in halves of a picture."""
    return np.asarray((np.abs(in_picture(points)) <= 1 + margin).all(axis=-1))
