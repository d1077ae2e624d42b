"""The background keeps its number where a crop removes it: else an object takes its place, unscored."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dias.data.samples import ImageSample
from dias.data.sources import ClevrTexConfig, CocoConfig, VocConfig
from dias.data.transforms import View, look
from dias.metrics import SegmentationScores, segmentation_scores
from miniatures import clevrtex, coco, voc


def of_clevrtex(folder: Path) -> ImageSample:
    return ClevrTexConfig(path=str(clevrtex.write(folder, numbers=[0])), split="all").build()[0]


def of_coco(folder: Path) -> ImageSample:
    return CocoConfig(path=str(coco.write(folder)), split="val2017").build()[0]


def of_voc(folder: Path) -> ImageSample:
    return VocConfig(path=str(voc.write(folder))).build()[1]


def scores(pred: np.ndarray, target: np.ndarray) -> SegmentationScores:
    return segmentation_scores(torch.from_numpy(pred.copy())[None], torch.from_numpy(target.copy())[None])


@pytest.mark.parametrize("read", [of_clevrtex, of_coco, of_voc])
def test_an_object_that_fills_the_view_is_still_an_object(tmp_path: Path, read: object) -> None:
    sample = read(tmp_path)  # type: ignore[operator]
    last = int(sample.mask.max())
    assert 0 in sample.mask
    rows, columns = np.nonzero(sample.mask == last)
    x, y = int(np.median(columns)), int(np.median(rows))
    seen = look(sample, View(box=(x - 2, y - 2, x + 3, y + 3), flip=True, size=10))
    assert (seen.mask == last).all()
    assert scores(seen.mask * 0, seen.mask).ari_foreground.item() == 1
    as_in_the_reference = np.unique(seen.mask, return_inverse=True)[1].reshape(10, 10)
    assert scores(seen.mask * 0, as_in_the_reference).ari_foreground.isnan()  # the object became background
    for known in (seen.classes, seen.tracks):
        assert known is None or len(known) == len(seen.boxes)
    assert seen.boxes[last - 1].tolist() == [0, 0, 1, 1]


def test_of_two_objects_in_view_both_are_scored(tmp_path: Path) -> None:
    sample = of_coco(tmp_path)
    seen = look(sample, View(box=(10, 20, 30, 30), flip=False, size=20))
    assert seen.mask is not None
    assert set(np.unique(seen.mask)) == {1, 2}
    halves = np.broadcast_to(np.arange(20) < 10, (20, 20)).astype(np.int64)
    assert scores(halves, seen.mask).ari_foreground == scores(halves, seen.mask).ari
    dropped = np.unique(seen.mask, return_inverse=True)[1].reshape(20, 20)
    assert scores(halves, dropped).ari_foreground != scores(halves, dropped).ari


def test_depth_is_seen_where_the_mask_is(tmp_path: Path) -> None:
    folder = clevrtex.write(tmp_path, numbers=[0])
    sample = ClevrTexConfig(path=str(folder), split="all", depth=True).build()[0]
    seen = look(sample, View(box=(3, 2, 33, 29), flip=True, size=17))
    assert seen.depth is not None
    assert seen.mask is not None
    assert seen.depth.dtype == np.float32
    np.testing.assert_allclose(seen.depth, seen.mask * 20 / 255, rtol=1e-6)  # the miniature's depth
