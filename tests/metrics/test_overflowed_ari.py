"""The authors' ARI and its overflow: their formula in NumPy's int64, and the truth where nothing wraps."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from dias.metrics import segmentation_scores


def wrapped(pred: np.ndarray, target: np.ndarray) -> float:
    """N(N-1) sums and their product in int64, which wraps; the rest as usual (learn/metric.py, 171-184)."""
    counts = np.zeros((pred.max() + 1, target.max() + 1), dtype=np.int64)
    np.add.at(counts, (pred.ravel(), target.ravel()), 1)
    together, rows, columns, all_pairs = (
        np.sum(one * (one - 1), dtype=np.int64)
        for one in (counts, counts.sum(axis=1), counts.sum(axis=0), np.array([counts.sum()]))
    )
    product = np.multiply(np.array([rows]), np.array([columns]))[0]  # of arrays: wraps and does not warn
    expected, most = product / max(all_pairs, 1), (int(rows) + int(columns)) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def both(pred: np.ndarray, target: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """(ARI, ARIfg): true, and overflowed."""
    maps = torch.tensor(pred)[None], torch.tensor(target)[None]
    true, theirs = (segmentation_scores(*maps, int64_overflow=wrong) for wrong in (False, True))
    assert torch.equal(true.mbo, theirs.mbo)
    assert theirs.ari.dtype == torch.float64
    return torch.cat([true.ari, true.ari_foreground]), torch.cat([theirs.ari, theirs.ari_foreground])


@given(seed=st.integers(0, 2**32 - 1), side=st.integers(1, 128), background=st.floats(0, 1))
def test_the_truth_where_nothing_wraps(seed: int, side: int, background: float) -> None:
    """(128 x 128)^4 / 2 is just below 2^63 / 2^7: no pair counts of so few pixels can exceed it."""
    rng = np.random.default_rng(seed)
    target = rng.integers(1, 5, (side, side)) * (rng.random((side, side)) > background)
    pred = np.where(rng.random((side, side)) < 0.7, target, rng.integers(0, 6, (side, side)))
    true, theirs = both(pred, target)
    torch.testing.assert_close(theirs, true, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("shape", [(256, 256), (320, 320), (384, 384), (20, 256, 256)], ids=str)
@pytest.mark.parametrize("background", [0.3, 0.7, 0.95])
def test_equals_numpys_wrapping_int64(shape: tuple[int, ...], background: float) -> None:
    rng = np.random.default_rng(42)
    target = rng.integers(1, 6, shape) * (rng.random(shape) > background)
    pred = np.where(rng.random(shape) < 0.95, target, rng.integers(0, 8, shape))
    _, theirs = both(pred, target)
    front = target > 0
    assert theirs[0].item() == pytest.approx(wrapped(pred, target), abs=1e-9)
    assert theirs[1].item() == pytest.approx(wrapped(pred[front], target[front]), abs=1e-9)


@pytest.mark.parametrize(
    ("side", "shares", "wraps"),
    [
        (256, [0.8, 0.2], False),  # both concentrations 0.68, their product below 0.5
        (256, [0.9, 0.1], True),  # 0.82
        (320, [1 / 4] * 4, False),  # 1/4: below 0.084
        (320, [1 / 3] * 3, True),
        (384, [1 / 8] * 8, False),  # 1/8: below 0.0195
        (384, [1 / 7] * 7, True),
    ],
)
def test_it_wraps_where_segments_are_few_and_large(side: int, shares: list[float], wraps: bool) -> None:
    """Where the product of both sums of squared shares exceeds 2^63 over the fourth power of the pixels."""
    pixels = side * side
    product = sum(share**2 for share in shares) ** 2
    assert (product > 2**63 / pixels**4) == wraps
    target = np.searchsorted(np.cumsum(shares)[:-1], (np.arange(pixels) + 0.5) / pixels)
    true, theirs = both(np.roll(target, pixels // 16), target)
    assert (abs(theirs[0] - true[0]) > 0.1).item() == wraps


def test_a_good_segmentation_on_much_background_looks_better_than_it_is() -> None:
    """256 x 256, 90 % background: as in the tables, near 0.95 for what is truly near 0.7."""
    rng = np.random.default_rng(0)
    target = rng.integers(1, 6, (256, 256)) * (rng.random((256, 256)) > 0.9)
    pred = np.where(rng.random((256, 256)) < 0.95, target, rng.integers(0, 8, (256, 256)))
    true, theirs = both(pred, target)
    assert true[0] < 0.85
    assert theirs[0] > 0.94


def test_one_object_in_two_halves_scores_nothing_truly_and_much_with_the_overflow() -> None:
    """A clip with a single object, of 20 frames."""
    target = np.ones((20, 256, 256), dtype=np.int64)
    pred = np.zeros_like(target)
    pred[:, :, 128:] = 1
    true, theirs = both(pred, target)
    assert true.tolist() == [0, 0]
    assert (theirs > 0.6).all()
