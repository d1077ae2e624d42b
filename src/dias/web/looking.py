"""What the backbone saw of an upload: kept, so that a slider that is moved need not ask it again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dias.backbones import Tokens
from dias.data.streams import StreamFrame
from dias.inference.looking import Seen

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """One picture, or one frame of a clip.

    Attributes:
        time: seconds since the beginning.
        seen: as the model sees it, with its true size.
        picture: small, for the page.
    """

    time: float
    seen: Seen
    picture: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """What the backbone saw.

    Attributes:
        name: of the file.
        of_clip: whether it is one.
        frames: one, or those of the clip that were looked at.
        tokens: of each.
    """

    name: str
    of_clip: bool
    frames: tuple[Shown, ...]
    tokens: tuple[Tokens, ...]


def spread(frames: Iterable[StreamFrame], most: int, look: Callable[[StreamFrame], T]) -> list[T]:
    """Look at every frame, at every 2nd, 4th, ...: as often as `most` allows, for a clip of unknown length.

    No more than that are held at any time, and pixels of the others are hardly ever made.
    """
    kept: list[T] = []
    every = 1
    for number, frame in enumerate(frames):
        if number % every == 0 and len(kept) == most:
            kept, every = kept[::2], 2 * every
        if number % every == 0:
            kept.append(look(frame))
    return kept


def shrunk(picture: UInt8[np.ndarray, "h w 3"], side: int) -> UInt8[np.ndarray, "H W 3"]:
    """A picture whose longer side has so many pixels at most."""
    height, width = picture.shape[:2]
    if max(height, width) <= side:
        return picture
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))
