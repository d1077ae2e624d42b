"""What a data set gives: one image, and what is known of its objects."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8


@dataclass(frozen=True, kw_only=True)
class ImageSample:
    """One image. Everything but the picture and its name may be unknown (None).

    Attributes:
        image: RGB, 0 to 255.
        name: unique in its data set, such as the file's path below the data set's folder.
        mask: segment number of each pixel; 0 is the background, objects count from 1.
        ignore: pixels that no metric should look at.
        boxes: one row per object number 1, 2, ...: x0, y0, x1, y1, the last two exclusive, as shares (0 to 1)
            of width and height; a row of zeros for an object that is not in the picture.
        classes: class number of each object, in the order of `boxes`.
    """

    image: UInt8[np.ndarray, "h w 3"]
    name: str
    mask: Int[np.ndarray, "h w"] | None = None
    ignore: Bool[np.ndarray, "h w"] | None = None
    boxes: Float[np.ndarray, "k 4"] | None = None
    classes: Int[np.ndarray, " k"] | None = None
