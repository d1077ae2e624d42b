"""Procedural textures: what surfaces of rendered scenes look like."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

SIDE = 128
Pattern = Callable[[np.random.Generator], Float[np.ndarray, "s s"]]  # 0 is the first colour, 1 the second


def texture(rng: np.random.Generator, *, pattern: str) -> UInt8[np.ndarray, "s s 3"]:
    """Draw a square of a pattern in two random colours."""
    one, other = colours(rng)
    mix = PATTERNS[pattern](rng)[..., None]
    return np.asarray((255 * ((1 - mix) * one + mix * other)).round(), dtype=np.uint8)


def colours(rng: np.random.Generator) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Two colours (0 to 1) that can be told apart."""
    one = rng.uniform(0.08, 0.95, 3)
    other = rng.uniform(0.08, 0.95, 3)
    while np.abs(one - other).sum() < 0.6:
        other = rng.uniform(0.08, 0.95, 3)
    return one, other


def _coordinates(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Both axes, 0 to 1, turned by a random angle."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    angle = rng.uniform(0, np.pi)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _checker(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    count = rng.integers(2, 6)
    return np.asarray((np.floor(x * count) + np.floor(y * count)) % 2)


def _stripes(rng: np.random.Generator) -> np.ndarray:
    along, _ = _coordinates(rng)
    return np.asarray(np.floor(along * rng.integers(6, 16)) % 2)


def _clouds(rng: np.random.Generator) -> np.ndarray:
    total = np.zeros((SIDE, SIDE))
    for octave in range(1, 6):
        total += _smooth_noise(rng, 2**octave) / octave
    return np.asarray((total - total.min()) / np.ptp(total))


def _speckle(rng: np.random.Generator) -> np.ndarray:
    return np.asarray(_smooth_noise(rng, int(rng.integers(16, 40))) > rng.uniform(0.4, 0.9), dtype=float)


def _plain(rng: np.random.Generator) -> np.ndarray:
    return np.zeros((SIDE, SIDE))


def _rings(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE - rng.uniform(0.3, 0.7, 2)[:, None, None]
    return np.asarray(np.floor(np.hypot(x, y) * rng.integers(8, 18)) % 2)


def _bricks(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    rows = int(rng.integers(4, 9))
    shifted = x * rows / 2 + (np.floor(y * rows) % 2) / 2
    return np.asarray((shifted % 1 < 0.12) | (y * rows % 1 < 0.2), dtype=float)


def _zigzag(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    teeth = rng.integers(3, 7)
    return np.asarray(np.floor((y + np.abs(x * teeth % 1 - 0.5) / teeth) * rng.integers(6, 14)) % 2)


def _gradient(rng: np.random.Generator) -> np.ndarray:
    along, _ = _coordinates(rng)
    return np.asarray((along - along.min()) / np.ptp(along))


def _smooth_noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Normal noise on a coarse grid, resized smoothly."""
    coarse = Image.fromarray(rng.normal(size=(cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=float)


STANDARD = ("checker", "stripes", "clouds", "speckle", "plain")
UNSEEN = ("rings", "bricks", "zigzag", "gradient")
PATTERNS: dict[str, Pattern] = {
    "checker": _checker,
    "stripes": _stripes,
    "clouds": _clouds,
    "speckle": _speckle,
    "plain": _plain,
    "rings": _rings,
    "bricks": _bricks,
    "zigzag": _zigzag,
    "gradient": _gradient,
}
