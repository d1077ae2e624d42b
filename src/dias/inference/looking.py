"""From a picture of any size to the square that the model sees, and from the model's maps back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int32, UInt8
from torch import Tensor

from dias.backbones import Backbone
from dias.data.samples import ImageSample
from dias.data.transforms import View, centre_view, look
from dias.errors import SettingError
from dias.masks.resize import label_map

UNSEEN = -1  # label of pixels outside what the model saw
USUAL_SIZE = 224
Fit = Literal["whole", "centre"]
_LARGEST_MAP = 512  # pixels; soft maps of 16 x 16 tokens hold nothing finer


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A picture as the model sees it; of the original only the size (height, width) is kept."""

    name: str
    size: tuple[int, int]
    view: View
    picture: UInt8[np.ndarray, "s s 3"]


def see(image: UInt8[np.ndarray, "h w 3"], *, name: str, size: int, fit: Fit) -> Seen:
    """Squeeze a picture, or its largest centre square, into a square of `size` pixels."""
    height, width = image.shape[:2]
    if fit == "centre":
        view = centre_view(height, width, size=size)
    else:
        view = View(box=(0, 0, width, height), flip=False, size=size)
    picture = look(ImageSample(image=image, name=name), view).image
    return Seen(name=name, size=(height, width), view=view, picture=picture)


def seeing(backbone: Backbone, size: int) -> Backbone:
    """The same weights, without the backbone's own resizing: the pictures come in the right size.

    Raises:
        SettingError: the size is no multiple of the patch.
    """
    if size % backbone.patch:
        raise SettingError("size", size, f"must be a multiple of the patch, {backbone.patch} pixels")
    return backbone.unresized()


def winners(maps: Float[Tensor, "n m"], seen: Seen, *, grid: tuple[int, int]) -> Int32[np.ndarray, "h w"]:
    """Number of the strongest map at each pixel of the original picture, -1 outside the view."""
    x0, y0, x1, y1 = seen.view.box
    height, width = y1 - y0, x1 - x0
    scale = min(1.0, _LARGEST_MAP / max(height, width))
    small = max(1, round(height * scale)), max(1, round(width * scale))
    labels = label_map(maps[None], grid=grid, size=small)[0].to(torch.int32).numpy()
    if small != (height, width):
        rows = np.arange(height) * small[0] // height
        columns = np.arange(width) * small[1] // width
        labels = labels.take(columns, axis=1).take(rows, axis=0)
    if (height, width) == seen.size:
        return labels
    whole = np.full(seen.size, UNSEEN, dtype=np.int32)
    whole[y0:y1, x0:x1] = labels
    return whole
