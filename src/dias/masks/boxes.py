"""Boxes around segments."""

import numpy as np
from jaxtyping import Float64, Integer
from scipy.ndimage import find_objects


def boxes_from_labels(labels: Integer[np.ndarray, "h w"], count: int) -> Float64[np.ndarray, "k 4"]:
    """Boxes of segments 1 to `count`; other labels belong to none.

    Returns:
        One row a segment: x0, y0, x1, y1, the last two exclusive, as shares (0 to 1) of width and height;
        zeros for a segment without a pixel.
    """
    height, width = labels.shape
    boxes = np.zeros((count, 4))
    for box, place in zip(boxes, find_objects(labels, max_label=count) if count else (), strict=True):
        if place is not None:
            rows, columns = place
            box[:] = columns.start / width, rows.start / height, columns.stop / width, rows.stop / height
    return boxes
