"""What part of a picture is seen, chosen once and applied alike to picture, mask and boxes."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL import Image
from torch import Tensor

from dias.data.samples import ImageSample

_TRIES = 10


@dataclass(frozen=True)
class View:
    """A part of a picture, to be shown as a square.

    Attributes:
        box: x0, y0, x1, y1 in pixels, the last two exclusive.
        flip: left and right are exchanged.
        size: side in pixels of what is shown.
    """

    box: tuple[int, int, int, int]
    flip: bool
    size: int


def random_view(
    height: int,
    width: int,
    *,
    size: int,
    rng: np.random.Generator,
    area: tuple[float, float] = (0.75, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: float = 0.5,
) -> View:
    """Choose a random resized crop, as torchvision's `RandomResizedCrop` does, and perhaps a flip.

    Ten tries; then the largest centre part whose aspect is within `ratio`.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        size: side of the square shown, pixels.
        rng: where the choices come from.
        area: least and greatest share of the picture's area.
        ratio: least and greatest width / height.
        flip: probability of a flip.
    """
    mirrored = bool(rng.random() < flip)
    for _ in range(_TRIES):
        pixels = height * width * rng.uniform(*area)
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
        if 0 < w <= width and 0 < h <= height:
            x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return View(box=(x, y, x + w, y + h), flip=mirrored, size=size)
    w = min(width, max(round(height * ratio[1]), 1))
    h = min(height, max(round(width / ratio[0]), 1))
    return View(box=_centred(height, width, h, w), flip=mirrored, size=size)


def centre_view(height: int, width: int, *, size: int) -> View:
    """The largest square around the centre."""
    side = min(height, width)
    return View(box=_centred(height, width, side, side), flip=False, size=size)


def numbered_view(height: int, width: int, *, size: int, seed: int, index: int, number: int) -> View:
    """Random view `number` of picture `index`: a pure function, so cached and live views are the same.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        size: side of the square shown, pixels.
        seed: of all views.
        index: of the picture; for frames of a clip, that of the clip (`dias.data.frames.scene_of`).
        number: of the view.
    """
    return random_view(height, width, size=size, rng=np.random.default_rng([seed, number, index]))


def look(sample: ImageSample, view: View) -> ImageSample:
    """Show what a view sees of a sample, `view.size` pixels a side.

    The picture is resized bilinearly with antialiasing; mask, ignored pixels and depth by the nearest pixel
    (half-pixel centres), so that no number is made up. Boxes are clipped to the view; an object outside it
    gets a row of zeros, and keeps its number, class and track; so does a background of which nothing is seen.
    """
    x0, y0, x1, y1 = view.box
    height, width = sample.image.shape[:2]
    seen_inside = 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    assert seen_inside, f"view {view.box} of a {width} x {height} picture"
    boxes = None if sample.boxes is None else _boxes(sample.boxes, view, height=height, width=width)
    return replace(
        sample,
        image=_resized(sample.image, view),
        mask=None if sample.mask is None else nearest(sample.mask, view),
        ignore=None if sample.ignore is None else nearest(sample.ignore, view),
        boxes=boxes,
        depth=None if sample.depth is None else nearest(sample.depth, view),
    )


def nearest(values: Shaped[np.ndarray, "h w *c"], view: View) -> Shaped[np.ndarray, "s s *c"]:
    """What a view shows of values that must not be mixed: of each pixel shown, that under its centre."""
    x0, y0, x1, y1 = view.box
    rows, columns = _places(y0, y1, view.size), _places(x0, x1, view.size)
    shown: np.ndarray = values[np.ix_(rows, columns[::-1] if view.flip else columns)]
    return shown


def as_tensor(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[Tensor, "3 h w"]:
    """Channels first, as networks want it."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def _centred(height: int, width: int, h: int, w: int) -> tuple[int, int, int, int]:
    x, y = (width - w) // 2, (height - h) // 2
    return x, y, x + w, y + h


def _resized(image: UInt8[np.ndarray, "h w 3"], view: View) -> UInt8[np.ndarray, "s s 3"]:
    x0, y0, x1, y1 = view.box
    part = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1]))  # cut first: nothing outside bleeds in
    shown = np.asarray(part.resize((view.size, view.size), Image.Resampling.BILINEAR))
    return np.array(shown[:, ::-1] if view.flip else shown, order="C")


def _places(start: int, stop: int, size: int) -> Shaped[np.ndarray, " s"]:
    """Pixel under the centre of each of `size` equal parts; in integers, so rounding cannot differ."""
    return start + (2 * np.arange(size) + 1) * (stop - start) // (2 * size)


def _boxes(
    boxes: Float[np.ndarray, "k 4"], view: View, *, height: int, width: int
) -> Float[np.ndarray, "k 4"]:
    x0, y0, x1, y1 = view.box
    start, extent = np.array([x0, y0, x0, y0]), np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0])
    seen = (boxes * np.array([width, height, width, height]) - start) / extent
    seen = seen.clip(0, 1).astype(boxes.dtype)
    if view.flip:
        seen[:, [0, 2]] = 1 - seen[:, [2, 0]]
    seen[(seen[:, 2] <= seen[:, 0]) | (seen[:, 3] <= seen[:, 1])] = 0
    return np.asarray(seen)
