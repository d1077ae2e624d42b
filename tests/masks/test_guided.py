"""Maps that follow edges: the filter against its definition in float64, and what it is for."""

import numpy as np
import pytest
import torch

from dias.masks.guided import guided_label_map
from dias.masks.resize import label_map


def windows(values: np.ndarray, radius: int) -> np.ndarray:
    """All windows of h x w x c values, those at the side filled up with the nearest ones."""
    padded = np.pad(values, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    side = 2 * radius + 1
    height, width = values.shape[:2]
    return np.array(
        [
            [padded[y : y + side, x : x + side].reshape(side * side, -1) for x in range(width)]
            for y in range(height)
        ]
    )


def filtered(guide: np.ndarray, maps: np.ndarray, *, radius: int, epsilon: float) -> np.ndarray:
    """He et al. 2010, equations 19 to 21, one least-squares problem after the other."""
    around, of_maps = windows(guide, radius), windows(maps, radius)
    slopes = np.zeros((*guide.shape, maps.shape[2]))
    offsets = np.zeros(maps.shape)
    for y, x in np.ndindex(guide.shape[:2]):
        colours, values = around[y, x], of_maps[y, x]
        centred = colours - colours.mean(axis=0)
        covariance = centred.T @ centred / len(colours) + epsilon * np.eye(3)
        slopes[y, x] = np.linalg.solve(covariance, centred.T @ (values - values.mean(axis=0)) / len(colours))
        offsets[y, x] = values.mean(axis=0) - colours.mean(axis=0) @ slopes[y, x]
    flat = slopes.reshape(*guide.shape[:2], -1)
    mean_slopes = windows(flat, radius).mean(axis=2).reshape(slopes.shape)
    return np.einsum("yxc,yxcn->yxn", guide, mean_slopes) + windows(offsets, radius).mean(axis=2)


def test_it_is_the_guided_filter() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (1, 3, 20, 28), dtype=np.uint8)
    attention = rng.random((1, 3, 12), dtype=np.float32)
    window, epsilon = 0.2, 1e-3  # 7 pixels
    guide = pictures[0].transpose(1, 2, 0) / 255
    large = torch.nn.functional.interpolate(
        torch.from_numpy(attention).double().view(1, 3, 3, 4), size=(20, 28), mode="bilinear"
    )
    maps = large[0].numpy().transpose(1, 2, 0)
    expected = filtered(guide, maps, radius=3, epsilon=epsilon)
    best = np.sort(expected, axis=2)
    clear = best[..., -1] - best[..., -2] > 1e-4
    found = guided_label_map(
        torch.from_numpy(attention), torch.from_numpy(pictures), grid=(3, 4), window=window, epsilon=epsilon
    )
    assert clear.mean() > 0.98
    np.testing.assert_array_equal(found[0].numpy()[clear], expected.argmax(axis=2)[clear])


def slanted(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture of two colours, its truth; the edge lies nowhere along a grid of 8 x 8."""
    y, x = np.mgrid[:side, :side]
    truth = (x + 0.3 * y > 0.6 * side).astype(np.int64)
    noise = np.random.default_rng(1).integers(-10, 10, (side, side, 3))
    return (np.array([(60, 90, 140), (200, 120, 60)])[truth] + noise).astype(np.uint8), truth


@pytest.mark.parametrize("side", [96, 400])
def test_masks_follow_an_edge_that_the_grid_does_not_see(side: int) -> None:
    picture, truth = slanted(side)
    middle = truth[side // 16 :: side // 8, side // 16 :: side // 8]  # the slot of each token's middle
    maps = torch.from_numpy(np.stack([1 - middle, middle])).float().reshape(1, 2, 64)
    pictures = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
    coarse = label_map(maps, grid=(8, 8), size=(side, side))[0].numpy()
    fine = guided_label_map(maps, pictures, grid=(8, 8))[0].numpy()
    assert (fine != truth).mean() < 0.1 * (coarse != truth).mean()


@pytest.mark.parametrize("size", [(1, 5), (2, 64), (300, 3), (61, 61)], ids=str)
def test_any_shape_and_only_slots_that_are_kept(size: tuple[int, int]) -> None:
    maps = torch.tensor([[[1.0] * 4, [0.9] * 4, [0.1] * 4]])
    pictures = torch.zeros(1, 3, *size, dtype=torch.uint8)
    kept = torch.tensor([[False, True, True]])
    assert (guided_label_map(maps, pictures, grid=(2, 2)) == 0).all()
    labels = guided_label_map(maps, pictures, grid=(2, 2), kept=kept)
    assert labels.shape == (1, *size)
    assert (labels == 1).all()
