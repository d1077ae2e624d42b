"""What `show` gives is what `look` does, but for one step of 255 here and there."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dias.data.samples import ImageSample
from dias.data.showing import show
from dias.data.sources import pictures_at
from dias.data.transforms import View, as_tensor, centre_view, look, random_view

NOISE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)


def exactly(image: np.ndarray, view: View) -> torch.Tensor:
    return as_tensor(look(ImageSample(image=image, name="a"), view).image)


@given(
    height=st.integers(2, 90),
    width=st.integers(2, 90),
    size=st.integers(1, 120),
    seed=st.integers(0, 2**32 - 1),
    extreme=st.booleans(),
)
def test_it_is_the_exact_picture_but_for_one_step(
    height: int, width: int, size: int, seed: int, extreme: bool
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if extreme:
        image = np.where(image > 127, 255, 0).astype(np.uint8)
    view = random_view(height, width, size=size, rng=rng)
    shown = show(image, view)
    assert shown.shape == (3, size, size)
    assert shown.is_contiguous()
    assert (shown.int() - exactly(image, view).int()).abs().max() <= 1


def test_on_photos_one_value_in_a_hundred_differs_at_most() -> None:
    photos = pictures_at("photos")
    rng = np.random.default_rng(0)
    for index in range(len(photos)):
        image = photos[index].image
        view = random_view(*image.shape[:2], size=256, rng=rng)
        difference = (show(image, view).int() - exactly(image, view).int()).abs()
        assert difference.max() <= 1
        assert difference.float().mean() <= 1 / 100


def test_a_picture_at_its_own_size_is_the_picture() -> None:
    view = View(box=(10, 20, 210, 220), flip=False, size=200)
    np.testing.assert_array_equal(show(NOISE, view).permute(1, 2, 0), NOISE[20:220, 10:210])


def test_a_flip_is_a_mirror() -> None:
    plain, flipped = (show(NOISE, View(box=(5, 6, 300, 290), flip=flip, size=64)) for flip in (False, True))
    assert torch.equal(flipped, plain.flip(-1))


def test_nothing_outside_the_view_bleeds_into_it() -> None:
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[:, 20:] = 255
    assert show(image, View(box=(0, 0, 20, 40), flip=False, size=8)).max() == 0


def test_arrays_of_any_kind_are_shown_alike() -> None:
    view = centre_view(*NOISE.shape[:2], size=50)
    locked = NOISE.copy()
    locked.flags.writeable = False
    mirrored = np.ascontiguousarray(NOISE[::-1, ::-1])[::-1, ::-1]
    by_columns = np.asfortranarray(NOISE)
    for same in (locked, mirrored, by_columns):
        assert torch.equal(show(same, view), show(NOISE, view))
    assert not np.shares_memory(show(NOISE, view).numpy(), NOISE)


@pytest.mark.parametrize("box", [(-1, 0, 20, 20), (0, 0, 401, 300), (20, 0, 20, 10)])
def test_a_view_outside_the_picture_is_a_mistake(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(AssertionError, match="of a 400 x 300 picture"):
        show(NOISE, View(box=box, flip=False, size=8))
