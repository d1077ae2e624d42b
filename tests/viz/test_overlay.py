import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dias.viz import (
    colours,
    contact_sheet,
    ground_truth_colours,
    overlay,
    panels,
)
from dias.viz.overlay import boundaries


def picture(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(short=st.integers(0, 60), more=st.integers(0, 60))
def test_a_number_keeps_its_colour(short: int, more: int) -> None:
    np.testing.assert_array_equal(colours(short + more)[:short], colours(short))


def test_colours_differ_from_one_another_and_from_the_background() -> None:
    everything = ground_truth_colours(25).astype(int)
    assert everything[0].tolist() == [64, 64, 64]
    distance = np.abs(everything[:, None] - everything[None]).sum(axis=-1) + 999 * np.eye(25, dtype=int)
    assert distance.min() >= 60


def test_inside_is_blended_and_the_line_is_solid() -> None:
    image, labels = np.full((20, 20, 3), 100, dtype=np.uint8), np.zeros((20, 20), dtype=np.int32)
    labels[:, 10:] = 1
    palette = np.array([(200, 0, 0), (0, 0, 200)], dtype=np.uint8)
    drawn = overlay(image, labels, palette=palette, opacity=0.5, line=1)
    assert drawn[5, 2].tolist() == [150, 50, 50]
    assert drawn[5, 15].tolist() == [50, 50, 150]
    assert drawn[5, 9].tolist() == [200, 0, 0]
    assert drawn[5, 10].tolist() == [0, 0, 200]
    assert drawn[5, 8].tolist() == [150, 50, 50]
    without = overlay(image, labels, palette=palette, opacity=0.0, line=0)
    np.testing.assert_array_equal(without, image)


def test_unseen_pixels_get_darker_and_no_colour() -> None:
    image, labels = np.full((8, 8, 3), 200, dtype=np.uint8), np.zeros((8, 8), dtype=np.int32)
    labels[:, :3] = -1
    drawn = overlay(image, labels, line=1)
    assert (drawn[:, :3] == drawn[0, 0]).all()
    assert 0 < drawn[0, 0, 0] < 100
    assert drawn[0, 0, 0] == drawn[0, 0, 1] == drawn[0, 0, 2]


@given(seed=st.integers(0, 999), height=st.integers(1, 12), width=st.integers(1, 12), line=st.integers(0, 3))
def test_boundaries_equal_a_search_pixel_by_pixel(seed: int, height: int, width: int, line: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 2, (height, width))
    edge = boundaries(labels, width=line)
    for y in range(height):
        for x in range(width):
            near = [labels[b, x] for b in range(max(0, y - line), min(height, y + line + 1))]
            near += [labels[y, a] for a in range(max(0, x - line), min(width, x + line + 1))]
            assert edge[y, x] == (set(near) != {labels[y, x]})


@pytest.mark.parametrize("shape", [(2, 300), (300, 2), (1, 1), (37, 53)], ids=str)
def test_odd_sizes(shape: tuple[int, int]) -> None:
    image = picture(*shape)
    labels = np.arange(shape[0] * shape[1]).reshape(shape) % 3
    assert overlay(image, labels).shape == image.shape
    assert panels([image, image], titles=["one", "two"], height=64).shape[0] > 64
    assert contact_sheet([[image]], titles=["one"], row_titles=["a"], size=64).shape[2] == 3


def test_panels_show_their_pictures_and_titles() -> None:
    red, blue = np.zeros((50, 100, 3), dtype=np.uint8), np.zeros((80, 40, 3), dtype=np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    bare = panels([red, blue], height=100)
    titled = panels(
        [red, blue], titles=["first iteration", "a title that is far too long for it"], height=100
    )
    assert titled.shape[0] > bare.shape[0]
    assert (bare == [255, 0, 0]).all(axis=-1).sum() == 200 * 100
    assert (bare == [0, 0, 255]).all(axis=-1).sum() == 50 * 100
    head = titled[: titled.shape[0] - bare.shape[0]]
    assert (head < 128).any(), "the title was not drawn"
    assert (head[:, -4:] == 255).all(), "the title runs out of its picture"


def test_a_sheet_has_a_row_for_each_list() -> None:
    green = np.zeros((30, 60, 3), dtype=np.uint8)
    green[..., 1] = 255
    sheet = contact_sheet([[green, green], [green]], row_titles=["a", "b"], size=60)
    assert (sheet == [0, 255, 0]).all(axis=-1).sum() == 3 * 30 * 60
