import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dias.viz import png


@given(seed=st.integers(0, 999), height=st.integers(1, 40), width=st.integers(1, 40))
def test_pillow_reads_a_picture_back_as_it_was(seed: int, height: int, width: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png(picture))) as read:
        assert read.mode == "RGB"
        np.testing.assert_array_equal(np.array(read), picture)


@given(seed=st.integers(0, 999), count=st.integers(1, 256))
def test_pillow_reads_numbers_and_palette_back(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    numbers = random.integers(0, count, (9, 13), dtype=np.uint8)
    palette = random.integers(0, 256, (count, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png(numbers, palette=palette))) as read:
        assert read.mode == "P"
        np.testing.assert_array_equal(np.array(read), numbers)
        np.testing.assert_array_equal(np.array(read.convert("RGB")), palette[numbers])


@pytest.mark.parametrize("size", [(2000, 900), (3, 400_000)])  # several blocks; a row longer than a block
def test_large_pictures_come_back_too(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png(picture))) as read:
        np.testing.assert_array_equal(np.array(read), picture)


def test_a_smooth_picture_gets_much_smaller() -> None:
    ramp = np.add.outer(np.arange(300), np.arange(300)) // 3
    picture = np.stack([ramp, ramp, ramp], axis=-1).astype(np.uint8)
    assert len(png(picture)) < picture.nbytes / 10
