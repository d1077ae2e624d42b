import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as coco

from dias.masks import rle
from dias.masks.boxes import boxes_from_labels

SIZES = {"seed": st.integers(0, 2**32 - 1), "height": st.integers(1, 12), "width": st.integers(1, 12)}


@given(**SIZES, count=st.integers(0, 6))
def test_boxes_hold_every_pixel_and_no_line_too_many(seed: int, height: int, width: int, count: int) -> None:
    labels = np.random.default_rng(seed).integers(-2, 9, (height, width))
    boxes = boxes_from_labels(labels, count)
    assert boxes.shape == (count, 4)
    for number, box in enumerate(boxes, start=1):
        y, x = np.nonzero(labels == number)
        expected = [x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0] * 4
        np.testing.assert_allclose(box * [width, height, width, height], expected, rtol=0, atol=1e-12)


def test_any_type_of_label() -> None:
    labels = np.array([[0, 200], [255, 200]], dtype=np.uint8)
    assert boxes_from_labels(labels, 255)[[199, 254]].tolist() == [[0.5, 0, 1, 1], [0, 0.5, 0.5, 1]]
    assert boxes_from_labels(labels.astype(np.int64) * 2**40, 3).tolist() == [[0.0] * 4] * 3


# pycocotools 2.0.10 was written for numpy 1
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(**SIZES, share=st.sampled_from([0.0, 0.3, 1.0]))
def test_run_lengths_come_back_through_json(seed: int, height: int, width: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    stored = json.loads(json.dumps(rle.encode(mask)))
    assert stored["size"] == [height, width]
    assert (rle.decode(stored) == mask).all()
    assert coco.area(stored) == mask.sum()
    # a transposed view is another mask, not another order of the same bytes
    assert (rle.decode(rle.encode(mask.T)) == mask.T).all()
