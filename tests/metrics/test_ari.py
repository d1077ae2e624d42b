import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from sklearn.metrics import adjusted_rand_score

from dias.metrics import adjusted_rand_index


@pytest.mark.parametrize("shape", [(6,), (256, 256), (384, 384), (24, 256, 256)], ids=str)
@pytest.mark.parametrize("background", [0.5, 0.9])
def test_equals_scikit_learn_at_the_sizes_we_use(shape: tuple[int, ...], background: float) -> None:
    """A product of two int64 pair counts overflows at 256x256 with 90% background, and always at 384x384."""
    rng = np.random.default_rng(42)
    target = rng.integers(1, 6, shape) * (rng.random(shape) > background)
    pred = np.where(rng.random(shape) < 0.95, target, rng.integers(0, 8, shape))
    ours = adjusted_rand_index(torch.tensor(pred)[None], torch.tensor(target)[None])
    assert ours.dtype == torch.float64
    assert ours.item() == pytest.approx(adjusted_rand_score(target.ravel(), pred.ravel()), abs=1e-12)
    front = target > 0
    ours = adjusted_rand_index(torch.tensor(pred)[None], torch.tensor(target)[None], foreground_only=True)
    assert ours.item() == pytest.approx(adjusted_rand_score(target[front], pred[front]), abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1), pixels=st.integers(1, 60), k=st.integers(1, 9), d=st.integers(1, 9))
def test_every_image_equals_scikit_learn(seed: int, pixels: int, k: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    pred, target = rng.integers(0, k, (5, pixels)), rng.integers(0, d, (5, pixels))
    valid = rng.random((5, pixels)) < 0.8
    plain = adjusted_rand_index(torch.tensor(pred), torch.tensor(target))
    some = adjusted_rand_index(torch.tensor(pred), torch.tensor(target), valid=torch.tensor(valid))
    front = adjusted_rand_index(torch.tensor(pred), torch.tensor(target), True)
    for i in range(5):
        for ours, chosen in ((plain, valid[i] | True), (some, valid[i]), (front, target[i] > 0)):
            if chosen.any():
                theirs = adjusted_rand_score(target[i, chosen], pred[i, chosen])
                assert ours[i].item() == pytest.approx(theirs, abs=1e-12)
            else:
                assert math.isnan(ours[i].item())


@given(seed=st.integers(0, 2**32 - 1), offset=st.sampled_from([-7, 1000, 2**40]))
def test_names_of_segments_and_the_order_of_pixels_do_not_matter(seed: int, offset: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randint(5, (2, 3, 40), generator=generator)
    names = torch.randperm(5, generator=generator) * 3 + offset
    order = torch.randperm(40, generator=generator)
    same = adjusted_rand_index(names[pred][:, order], target[:, order])
    torch.testing.assert_close(same, adjusted_rand_index(pred, target), rtol=0, atol=0)
    torch.testing.assert_close(adjusted_rand_index(target, pred), same, rtol=0, atol=1e-15)


def test_trivial_partitions() -> None:
    one, apart = torch.full((1, 6), 3), torch.arange(6)[None] + 1
    assert adjusted_rand_index(one, one).item() == 1
    assert adjusted_rand_index(apart, apart).item() == 1
    assert adjusted_rand_index(one[:, :1], apart[:, :1]).item() == 1  # a single pixel
    assert adjusted_rand_index(one, apart).item() == 0
    assert adjusted_rand_index(one, one, foreground_only=True).item() == 1
    assert adjusted_rand_index(apart, one, foreground_only=True).item() == 0  # one object, split


@pytest.mark.parametrize("shape", [(1, 0), (1, 4, 0, 2)])
def test_nothing_to_look_at_is_not_a_number(shape: tuple[int, ...]) -> None:
    empty = torch.zeros(shape, dtype=torch.int64)
    assert adjusted_rand_index(empty, empty).isnan().all()


def test_an_image_without_foreground_or_valid_pixel_is_not_a_number() -> None:
    pred, target = torch.randint(4, (3, 5, 5)), torch.randint(1, 4, (3, 5, 5))
    target[1] = 0
    valid = torch.ones(3, 5, 5, dtype=torch.bool)
    valid[2] = False
    front = adjusted_rand_index(pred, target, foreground_only=True, valid=valid)
    assert front.isnan().tolist() == [False, True, True]
    assert adjusted_rand_index(pred, target, valid=valid).isnan().tolist() == [False, False, True]
    assert adjusted_rand_index(pred[:0], target[:0]).shape == (0,)
