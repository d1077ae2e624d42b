import numpy as np
import pytest

from dias.viz import named_boxes


def test_a_frame_has_the_colour_and_leaves_the_inside() -> None:
    image = np.full((150, 150, 3), 7, dtype=np.uint8)
    drawn = named_boxes(
        image, np.array([[20.0, 60, 80, 120]]), [""], palette=np.array([[250, 0, 9]], np.uint8)
    )
    assert drawn[60, 50].tolist() == drawn[119, 50].tolist() == drawn[90, 20].tolist() == [250, 0, 9]
    assert drawn[90, 79].tolist() == [250, 0, 9]
    assert (drawn[70:110, 30:70] == 7).all()
    assert (drawn[121:] == 7).all()
    assert (image == 7).all()


@pytest.mark.parametrize("box", [[-50.0, -50, 500, 500], [90.0, 90, 10, 10], [149.0, 99, 150, 100]])
def test_boxes_may_lie_anywhere(box: list[float]) -> None:
    image = np.zeros((100, 150, 3), dtype=np.uint8)
    drawn = named_boxes(image, np.array([box]), ["a long name"], palette=np.array([[9, 9, 250]], np.uint8))
    assert drawn.shape == image.shape
    assert (drawn > 180).all(axis=2).any()  # the text can be read, wherever its box is
    none = named_boxes(image, np.zeros((0, 4)), [], palette=np.zeros((0, 3), np.uint8))
    assert not none.any()
