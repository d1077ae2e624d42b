"""Segments as a COCO file (cocodataset.org/#format-data), written picture by picture."""

import json
from io import TextIOBase

import numpy as np
from jaxtyping import Float, Int32, Int64

from dias.masks import rle

_OBJECT = 1  # the only category: what an object is, the model does not know


class CocoWriter:
    """Writes annotations as they come, so that any number of pictures needs little memory.

    The stream holds JSON once `close` was called.
    """

    def __init__(self, stream: TextIOBase) -> None:
        self._stream = stream
        self._images: list[dict[str, int | str]] = []
        self._annotations = 0
        stream.write('{"annotations": [')

    def add(
        self,
        file_name: str,
        *,
        labels: Int32[np.ndarray, "h w"],
        slot_indices: Int64[np.ndarray, " k"],
        areas: Int64[np.ndarray, " k"],
        boxes: Float[np.ndarray, "k 4"],
    ) -> None:
        """Add one picture; an object without a pixel gets no annotation.

        Args:
            file_name: of the picture.
            labels: object of each pixel, 0 to k - 1; other values belong to none.
            slot_indices: slot of each object, stored as `slot`.
            areas: pixels of each object.
            boxes: x0, y0, x1, y1 of each object, the last two exclusive, as shares of width and height.
        """
        height, width = labels.shape
        image = len(self._images) + 1
        self._images.append({"id": image, "file_name": file_name, "height": height, "width": width})
        edges = np.rint(boxes * [width, height, width, height]).astype(np.int64)
        for number in np.flatnonzero(areas):
            x0, y0, x1, y1 = edges[number].tolist()
            self._annotations += 1
            annotation = {
                "id": self._annotations,
                "image_id": image,
                "category_id": _OBJECT,
                "segmentation": rle.encode(labels == number),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": int(areas[number]),
                "iscrowd": 0,
                "slot": int(slot_indices[number]),
            }
            self._stream.write(("," if self._annotations > 1 else "") + "\n" + json.dumps(annotation))

    def close(self, info: dict[str, object]) -> None:
        """Write the list of pictures and where all of it came from."""
        rest = {
            "images": self._images,
            "categories": [{"id": _OBJECT, "name": "object", "supercategory": ""}],
            "info": info,
        }
        self._stream.write("\n],\n" + json.dumps(rest)[1:] + "\n")
