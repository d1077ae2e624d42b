"""Boundary F against a brute force that knows nothing of distance transforms, at full size."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch

from dias.metrics import boundary_f


def outline(mask: np.ndarray) -> np.ndarray:
    """DAVIS's seg2bmap, pixel by pixel: (row, column) of each pixel of the outline."""
    height, width = mask.shape
    rows = mask.tolist()
    points = []
    for y, line in enumerate(rows):
        below = rows[min(y + 1, height - 1)]
        for x, value in enumerate(line):
            right = min(x + 1, width - 1)
            if line[right] != value or below[x] != value or below[right] != value:
                points.append((y, x))
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def near(points: np.ndarray, others: np.ndarray, radius: float) -> float:
    """Share of points that have another within the radius: all distances, in float64."""
    if not len(others):
        return 0.0
    apart = np.sqrt(((points[:, None] - others[None]) ** 2).sum(axis=2))
    return float((apart.min(axis=1) <= radius).mean())


def brute_force(pred: np.ndarray, target: np.ndarray, *, radius: float) -> float:
    segments, parts = np.unique(target), np.unique(pred)
    iou = np.array(
        [
            [((target == s) & (pred == p)).sum() / ((target == s) | (pred == p)).sum() for p in parts]
            for s in segments
        ]
    )
    choices = list(range(len(parts))) + [None] * max(0, len(segments) - len(parts))
    best = max(
        permutations(choices, len(segments)),
        key=lambda chosen: sum(iou[i, p] for i, p in enumerate(chosen) if p is not None),
    )
    total = 0.0
    for place, match in enumerate(best):
        if match is None or iou[place, match] == 0:
            continue
        found, true = outline(pred == parts[match]), outline(target == segments[place])
        if not len(found) or not len(true):
            total += float(len(found) == len(true))
            continue
        precision, recall = near(found, true, radius), near(true, found, radius)
        total += 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return total / len(segments)


def blobs(rng: np.random.Generator, size: tuple[int, int], count: int) -> np.ndarray:
    """Discs on a background."""
    y, x = np.mgrid[: size[0], : size[1]]
    labels = np.zeros(size, dtype=np.int64)
    for number in range(1, count + 1):
        cy, cx, r = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(0.1, 0.3) * min(size)
        labels[(y - cy) ** 2 + (x - cx) ** 2 < r**2] = number
    return labels


@pytest.mark.parametrize("seed", range(2))
def test_full_size_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = blobs(rng, (256, 200), 4)
    pred = np.roll(target, (int(rng.integers(1, 6)), int(rng.integers(1, 6))), axis=(0, 1))
    pred[blobs(rng, (256, 200), 1) > 0] = 9
    radius = math.ceil(0.008 * math.hypot(256, 200))
    found = boundary_f(torch.from_numpy(pred)[None], torch.from_numpy(target)[None])
    assert found.dtype == torch.float64
    assert 0.2 < float(found) < 1
    assert float(found) == pytest.approx(brute_force(pred, target, radius=float(radius)), abs=1e-12)


def test_small_maps_of_noise_equal_brute_force() -> None:
    rng = np.random.default_rng(5)
    for shape in ((6, 9), (1, 7), (4, 1), (11, 11)):
        pred, target = rng.integers(0, 3, (4, *shape)), rng.integers(0, 3, (4, *shape))
        found = boundary_f(torch.from_numpy(pred), torch.from_numpy(target), tolerance=1.0)
        expected = [brute_force(one, other, radius=1.0) for one, other in zip(pred, target, strict=True)]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_a_small_shift_is_forgiven_and_a_large_one_is_not() -> None:
    target = torch.zeros(1, 100, 100, dtype=torch.int64)
    target[0, 30:60, 30:60] = 1
    assert float(boundary_f(target, target)) == 1
    assert float(boundary_f(target.roll(2, dims=2), target)) == 1  # 0.8 percent of the diagonal, rounded up
    assert float(boundary_f(target.roll(8, dims=2), target)) < 0.8
    assert float(boundary_f(target.roll(2, dims=2), target, tolerance=1.0)) < 0.8


def test_what_is_no_segment_or_not_labelled_does_not_count() -> None:
    target = torch.zeros(2, 40, 40, dtype=torch.int64)
    target[1, 10:20, 10:20] = 1
    pred = target.clone()
    pred[1, 10:20, 20:30] = 1  # wrong, but where nobody has labelled
    valid = torch.ones_like(target, dtype=torch.bool)
    valid[1, :, 19:32] = False
    assert boundary_f(pred, target, include_background=False)[0].isnan()
    assert boundary_f(pred, target)[1] < 1
    assert boundary_f(pred, target, valid=valid)[1] == 1
    assert boundary_f(pred, target, valid=torch.zeros_like(valid))[1].isnan()
