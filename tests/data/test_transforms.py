import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dias.data.samples import ImageSample
from dias.data.transforms import View, centre_view, look, numbered_view, random_view

SIDES = st.integers(2, 90)
SEEDS = st.integers(0, 2**32 - 1)


def rectangles(height: int, width: int, rng: np.random.Generator) -> ImageSample:
    """Objects that are rectangles side by side, so that a box says all; the picture shows the numbers."""
    mask = np.zeros((height, width), dtype=np.int32)
    boxes = np.zeros((3, 4))
    for number in (1, 2, 3):
        left, right = sorted(rng.integers(0, width // 3 + 1, 2) + (number - 1) * (width // 3))
        top, bottom = sorted(rng.integers(0, height + 1, 2))
        if left < right and top < bottom:
            mask[top:bottom, left:right] = number
            boxes[number - 1] = left / width, top / height, right / width, bottom / height
    image = np.repeat((mask * 80).astype(np.uint8)[..., None], 3, axis=2)
    return ImageSample(image=image, name="a", mask=mask, ignore=mask == 2, boxes=boxes)


@given(height=SIDES, width=SIDES, seed=SEEDS)
def test_a_random_view_lies_in_the_picture_and_keeps_its_bounds(height: int, width: int, seed: int) -> None:
    view = random_view(height, width, size=8, rng=np.random.default_rng(seed))
    x0, y0, x1, y1 = view.box
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    if min(height, width) > 20 and 3 / 4 < width / height < 4 / 3:  # else the fallback may be all there is
        w, h = x1 - x0, y1 - y0
        assert 0.7 < w * h / (width * height) <= 1
        assert 0.7 < w / h < 1.43


def test_random_views_are_spread_over_area_place_and_flip() -> None:
    rng = np.random.default_rng(0)
    views = [random_view(300, 300, size=8, rng=rng) for _ in range(800)]
    areas = np.array([(v.box[2] - v.box[0]) * (v.box[3] - v.box[1]) / 90_000 for v in views])
    assert 0.745 < areas.min() < 0.76
    assert areas.max() > 0.97
    assert 0.44 < np.mean([v.flip for v in views]) < 0.56
    assert {v.box[0] == 0 for v in views} == {True, False}


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [(10, 100, (43, 0, 56, 10)), (100, 12, (0, 42, 12, 58)), (2, 300, (148, 0, 151, 2))],
)
def test_where_no_crop_fits_the_centre_is_taken(
    height: int, width: int, box: tuple[int, int, int, int]
) -> None:
    """As torchvision: the whole short side, the long one cut to the nearest aspect allowed."""
    assert random_view(height, width, size=8, rng=np.random.default_rng(0)).box == box


@given(height=SIDES, width=SIDES)
def test_the_centre_view_is_the_largest_square_in_the_middle(height: int, width: int) -> None:
    x0, y0, x1, y1 = centre_view(height, width, size=8).box
    assert x1 - x0 == y1 - y0 == min(height, width)
    assert abs(x0 - (width - x1)) <= 1
    assert abs(y0 - (height - y1)) <= 1


def test_a_numbered_view_is_a_pure_function_of_its_number() -> None:
    def view(*, seed: int = 0, index: int = 5, number: int = 3) -> View:
        return numbered_view(400, 500, size=8, seed=seed, index=index, number=number)

    assert view() == view()
    assert len({view(), view(seed=1), view(index=6), view(number=4)}) == 4
    assert view(index=3, number=5) != view()  # picture and number are not mixed up


@given(height=SIDES, width=SIDES, size=st.integers(2, 60), seed=SEEDS)
def test_a_mask_that_follows_from_the_picture_still_does(
    height: int, width: int, size: int, seed: int
) -> None:
    """Where the picture is even around a place, its value must name the segment there."""
    rng = np.random.default_rng(seed)
    sample = rectangles(height, width, rng)
    seen = look(sample, random_view(height, width, size=size, rng=rng))
    assert seen.image.shape == (size, size, 3)
    assert seen.mask is not None
    assert sample.mask is not None
    assert set(np.unique(seen.mask)) <= set(np.unique(sample.mask))
    assert seen.ignore is not None
    assert (seen.ignore == (seen.mask == 2)).all()
    if size >= max(height, width) * 2:  # enlarged: half of the places are inside one pixel of the picture
        exact = seen.image[..., 0] % 80 == 0
        wrong = exact & (seen.image[..., 0] != seen.mask * 80)
        assert wrong.mean() <= 0.02  # a blend of 0 and 160 may be 80 by chance


@pytest.mark.parametrize(
    ("height", "width", "size"), [(64, 64, 16), (64, 96, 24), (16, 16, 64), (50, 70, 33)]
)
def test_picture_and_mask_share_their_centre(height: int, width: int, size: int) -> None:
    """A ramp that is resized with the pixels' corners in place of their centres is off by half a pixel."""
    ramp = np.broadcast_to(np.arange(width, dtype=np.uint8), (height, width))
    sample = ImageSample(image=np.repeat(ramp[..., None], 3, axis=2), name="a", mask=ramp.astype(np.int32))
    seen = look(sample, View(box=(0, 0, width, height), flip=False, size=size))
    assert seen.mask is not None
    inner = slice(size // 8, -size // 8)
    shift = (seen.image[..., 0].astype(float) - seen.mask)[:, inner].mean()
    assert abs(shift) < 0.51 / max(1, size / width)
    centres = (np.arange(size) + 0.5) * width / size
    assert (seen.mask[0] == np.floor(centres)).all()
    assert np.abs(seen.image[0, inner, 0] - (centres - 0.5)[inner]).max() <= 0.51


@given(height=SIDES, width=SIDES, size=st.integers(2, 60), seed=SEEDS)
def test_a_flip_mirrors_everything(height: int, width: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = rectangles(height, width, rng)
    sample.image[:] = rng.integers(0, 256, sample.image.shape)
    box = random_view(height, width, size=size, rng=rng).box
    plain = look(sample, View(box=box, flip=False, size=size))
    flipped = look(sample, View(box=box, flip=True, size=size))
    assert (flipped.image == plain.image[:, ::-1]).all()
    assert plain.mask is not None
    assert flipped.mask is not None
    assert (flipped.mask == plain.mask[:, ::-1]).all()
    whole = View(box=(0, 0, size, size), flip=True, size=size)
    twice = look(look(plain, whole), whole)
    assert (twice.image == plain.image).all()
    assert twice.boxes is not None
    np.testing.assert_allclose(twice.boxes, plain.boxes, atol=1e-12)


@given(height=SIDES, width=SIDES, size=st.integers(2, 90), seed=SEEDS)
def test_boxes_are_those_of_the_mask_seen(height: int, width: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = rectangles(height, width, rng)
    seen = look(sample, random_view(height, width, size=size, rng=rng))
    assert seen.boxes is not None
    assert seen.mask is not None
    for number, box in enumerate(seen.boxes, start=1):
        rows, columns = np.nonzero(seen.mask == number)
        if len(rows) == 0:
            thinnest = min(box[2] - box[0], box[3] - box[1]) * size
            assert thinnest <= 1 + 1e-9  # gone, or between two pixels
            continue
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(found - box * size).max() <= 1


def test_an_object_outside_the_view_has_a_row_of_zeros() -> None:
    image = np.zeros((10, 10, 3), dtype=np.uint8)
    boxes = np.array([[0.0, 0.0, 0.3, 1.0], [0.6, 0.5, 0.8, 1.0], [0, 0, 0, 0]], dtype=np.float32)
    for flip, second in [(False, [0.2, 0.5, 0.6, 1]), (True, [0.4, 0.5, 0.8, 1])]:
        seen = look(
            ImageSample(image=image, name="a", boxes=boxes), View(box=(5, 0, 10, 10), flip=flip, size=5)
        )
        assert seen.boxes is not None
        assert seen.boxes.dtype == np.float32
        np.testing.assert_allclose(seen.boxes, [[0, 0, 0, 0], second, [0, 0, 0, 0]], atol=1e-6)


def test_a_picture_made_smaller_is_antialiased() -> None:
    lines = np.zeros((256, 256, 3), dtype=np.uint8)
    lines[:, ::2] = 254
    seen = look(ImageSample(image=lines, name="a"), View(box=(0, 0, 256, 256), flip=False, size=32))
    assert np.abs(seen.image[:, 2:-2].astype(int) - 127).max() <= 2


def test_nothing_outside_the_view_bleeds_into_it() -> None:
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[:, 20:] = 255
    seen = look(ImageSample(image=image, name="a"), View(box=(0, 0, 20, 40), flip=False, size=8))
    assert seen.image.max() == 0


def test_the_aspect_is_drawn_evenly_in_the_logarithm() -> None:
    rng = np.random.default_rng(3)
    boxes = [random_view(2_000, 2_000, size=8, rng=rng, area=(0.2, 0.3)).box for _ in range(2_000)]
    aspects = np.log([(x1 - x0) / (y1 - y0) for x0, y0, x1, y1 in boxes])
    assert abs(aspects.mean()) < 0.02
    assert aspects.std() == pytest.approx(2 * math.log(4 / 3) / math.sqrt(12), rel=0.05)


@given(height=SIDES, width=SIDES, seed=SEEDS)
def test_depth_is_that_of_the_pixel_whose_label_is_seen(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = rectangles(height, width, rng)
    assert sample.mask is not None
    sample = replace(sample, depth=sample.mask.astype(np.float32) / 2)
    seen = look(sample, random_view(height, width, size=8, rng=rng))
    assert seen.depth is not None
    assert (seen.depth * 2 == seen.mask).all()
