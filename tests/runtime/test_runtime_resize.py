import numpy as np
import pytest
import torch
from PIL import Image

from dias.masks.resize import label_map as by_torch
from dias.runtime.resize import label_map, squeeze


@pytest.mark.parametrize("size", [(300, 400), (28, 28), (17, 1000), (50, 20), (1, 1)])
def test_squares_are_those_of_pillow(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(image).resize((56, 56), Image.Resampling.BILINEAR))
    difference = np.abs(squeeze(image, 56).astype(int) - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.03  # ties: Pillow computes in fixed point


@pytest.mark.parametrize("size", [(64, 64), (97, 33), (10, 300), (512, 400)])
def test_labels_are_those_of_segmentation(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    maps = torch.from_numpy(rng.random((1, 5, 12 * 8), dtype=np.float32)).softmax(dim=1)
    kept = np.array([True, False, True, True, False])
    theirs = by_torch(maps, grid=(12, 8), size=size, kept=torch.from_numpy(kept)[None])[0].numpy()
    ours = label_map(maps[0].numpy(), grid=(12, 8), size=size, kept=kept)
    assert (ours == theirs).mean() > 0.9995  # equal but for ties in the last bit
    assert set(np.unique(ours)) <= {0, 2, 3}


def test_a_large_picture_is_stretched_from_512_pixels() -> None:
    maps = np.random.default_rng(2).random((3, 16), dtype=np.float32)
    everyone = np.ones(3, dtype=bool)
    large = label_map(maps, grid=(4, 4), size=(1024, 512), kept=everyone)
    small = label_map(maps, grid=(4, 4), size=(512, 256), kept=everyone)
    np.testing.assert_array_equal(large, small.repeat(2, axis=0).repeat(2, axis=1))
