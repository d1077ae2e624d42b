"""What a network is shown of a picture, at the speed that training and caching want."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from dias.data.transforms import View


def show(image: UInt8[np.ndarray, "h w 3"], view: View) -> UInt8[Tensor, "3 s s"]:
    """Show what a view sees of a picture: `as_tensor` of `look`, in a third of the time.

    Both resize bilinearly with antialiasing, in two passes of integers; this one has weights of 16 bits where
    Pillow's, which `look` uses, have 22. So one value in some hundreds is another, by 1 of 255: to features
    that is what keeping them in half precision is, and far less than bf16 (benchmarks/decoding.py). The
    result is the same to the bit with AVX and without; without, it is no faster than Pillow's.
    """
    x0, y0, x1, y1 = view.box
    height, width = image.shape[:2]
    seen_inside = 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    assert seen_inside, f"view {view.box} of a {width} x {height} picture"
    part = _for_torch(image[y0:y1, x0:x1]).permute(2, 0, 1)  # cut first: nothing outside bleeds in
    shown = functional.interpolate(part[None], (view.size, view.size), mode="bilinear", antialias=True)[0]
    return (shown.flip(-1) if view.flip else shown).contiguous()


def _for_torch(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[Tensor, "h w 3"]:
    """Without a copy, where torch can: it knows no mirrored arrays, and none that may not be written to."""
    if min(pixels.strides) < 0 or not pixels.flags.writeable:
        pixels = pixels.copy()
    return torch.from_numpy(pixels)
