"""Boxes around segments."""

import numpy as np
from jaxtyping import Float64, Integer


def boxes_from_labels(labels: Integer[np.ndarray, "h w"], count: int) -> Float64[np.ndarray, "k 4"]:
    """Boxes of segments 1 to `count`; other labels belong to none.

    Returns:
        One row a segment: x0, y0, x1, y1, the last two exclusive, as shares (0 to 1) of width and height;
        zeros for a segment without a pixel.
    """
    height, width = labels.shape
    boxes = np.zeros((count, 4))
    for number, box in enumerate(boxes, start=1):
        inside = labels == number
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if len(rows):
            box[:] = columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
    return boxes
