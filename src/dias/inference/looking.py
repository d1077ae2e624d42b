"""From a picture of any size to the square that the model sees, and from the model's maps back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int32, Int64, UInt8
from PIL import Image
from torch import Tensor

from dias.backbones import Backbone
from dias.data.samples import ImageSample
from dias.data.transforms import View, as_tensor, centre_view, look
from dias.errors import SettingError
from dias.masks.guided import guided_label_map
from dias.masks.resize import label_map

UNSEEN = -1  # label of pixels outside what the model saw
USUAL_SIZE = 224
Fit = Literal["whole", "centre"]
Quality = Literal["fast", "fine", "best"]
ROUNDS: dict[Quality, int] = {"fast": 0, "fine": 1, "best": 2}  # of the filter that follows edges
_LARGEST_MAP = 512  # pixels; soft maps of 16 x 16 tokens hold nothing finer
_LARGEST_GUIDE = 1024  # unless they follow the picture's edges, which are as fine as the picture


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A picture as the model sees it; of the original only the size (height, width) is kept.

    Attributes:
        name: of the picture.
        size: its own.
        view: what part of it is seen.
        picture: as the model sees it.
        guide: that part in its own shape, for masks that follow its edges; None where they do not.
    """

    name: str
    size: tuple[int, int]
    view: View
    picture: UInt8[np.ndarray, "s s 3"]
    guide: UInt8[np.ndarray, "y x 3"] | None = None


def see(image: UInt8[np.ndarray, "h w 3"], *, name: str, size: int, fit: Fit, guided: bool = False) -> Seen:
    """Squeeze a picture, or its largest centre square, into a square of `size` pixels.

    Args:
        image: of any size.
        name: of the picture.
        size: side of the square.
        fit: the whole, or its centre.
        guided: also keep what masks need to follow its edges.
    """
    height, width = image.shape[:2]
    if fit == "centre":
        view = centre_view(height, width, size=size)
    else:
        view = View(box=(0, 0, width, height), flip=False, size=size)
    picture = look(ImageSample(image=image, name=name), view).image
    guide = _guide(image, view) if guided else None
    return Seen(name=name, size=(height, width), view=view, picture=picture, guide=guide)


def seeing(backbone: Backbone, size: int) -> Backbone:
    """The same weights, without the backbone's own resizing: the pictures come in the right size.

    Raises:
        SettingError: the size is no multiple of the patch.
    """
    if size % backbone.patch:
        raise SettingError("size", size, f"must be a multiple of the patch, {backbone.patch} pixels")
    return backbone.unresized()


def winners(
    maps: Float[Tensor, "n m"], seen: Seen, *, grid: tuple[int, int], rounds: int = 0
) -> Int32[np.ndarray, "h w"]:
    """Number of the strongest map at each pixel of the original picture, -1 outside the view.

    Args:
        maps: over tokens.
        seen: the picture; with its guide, where masks are to follow edges.
        grid: rows and columns of tokens.
        rounds: how often they do; 0: maps are stretched alone.
    """
    x0, y0, x1, y1 = seen.view.box
    height, width = y1 - y0, x1 - x0
    labels = _small_labels(maps, seen, grid=grid, rounds=rounds).to(torch.int32).numpy()
    small = labels.shape
    if small != (height, width):
        rows = np.arange(height) * small[0] // height
        columns = np.arange(width) * small[1] // width
        labels = labels.take(columns, axis=1).take(rows, axis=0)
    if (height, width) == seen.size:
        return labels
    whole = np.full(seen.size, UNSEEN, dtype=np.int32)
    whole[y0:y1, x0:x1] = labels
    return whole


def _small_labels(
    maps: Float[Tensor, "n m"], seen: Seen, *, grid: tuple[int, int], rounds: int
) -> Int64[Tensor, "y x"]:
    """The same of what is seen, no larger than soft maps are made."""
    if rounds and seen.guide is not None:
        return guided_label_map(maps[None], as_tensor(seen.guide)[None], grid=grid, rounds=rounds)[0]
    x0, y0, x1, y1 = seen.view.box
    return label_map(maps[None], grid=grid, size=_within(_LARGEST_MAP, y1 - y0, x1 - x0))[0]


def _guide(image: UInt8[np.ndarray, "h w 3"], view: View) -> UInt8[np.ndarray, "y x 3"]:
    x0, y0, x1, y1 = view.box
    part = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1]))
    height, width = _within(_LARGEST_GUIDE, y1 - y0, x1 - x0)
    return np.array(part.resize((width, height), Image.Resampling.BILINEAR))


def _within(most: int, height: int, width: int) -> tuple[int, int]:
    """A size of the same shape with at most so many pixels on its longer side."""
    scale = min(1.0, most / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
