import itertools
import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from dias.metrics import adjusted_rand_index, mean_best_overlap, mean_iou, segmentation_scores


def brute_force(
    pred: np.ndarray, target: np.ndarray, *, include_background: bool = True
) -> tuple[float, float]:
    """MBO and mIoU of one image, segment by segment, permutation by permutation; below 0 is no segment."""
    segments = [s for s in np.unique(target) if s > 0 or (include_background and s == 0)]
    if not segments:
        return math.nan, math.nan
    parts = np.unique(pred)
    iou = [
        [((target == s) & (pred == p)).sum() / ((target == s) | (pred == p)).sum() for p in parts]
        for s in segments
    ]
    best = sum(max(row) for row in iou) / len(segments)
    # None: a segment that stays unmatched
    choices = list(range(len(parts))) + [None] * len(segments)
    totals = (
        sum(row[p] for row, p in zip(iou, chosen, strict=True) if p is not None)
        for chosen in set(itertools.permutations(choices, len(segments)))
    )
    return best, max(totals) / len(segments)


@given(
    seed=st.integers(0, 2**32 - 1),
    pixels=st.integers(1, 30),
    k=st.integers(1, 4),
    d=st.integers(1, 3),
    include_background=st.booleans(),
)
def test_every_image_equals_brute_force(
    seed: int, pixels: int, k: int, d: int, include_background: bool
) -> None:
    rng = np.random.default_rng(seed)
    pred, target = rng.integers(0, k, (3, pixels)), rng.integers(0, d, (3, pixels))
    valid = rng.random((3, pixels)) < 0.7
    tensors = torch.tensor(pred), torch.tensor(target)
    for chosen in (None, valid):
        looked_at = None if chosen is None else torch.tensor(chosen)
        mbo = mean_best_overlap(*tensors, include_background=include_background, valid=looked_at)
        miou = mean_iou(*tensors, include_background=include_background, valid=looked_at)
        assert mbo.dtype == miou.dtype == torch.float64
        for i in range(3):
            part = slice(None) if chosen is None else chosen[i]
            best, matched = brute_force(pred[i, part], target[i, part], include_background=include_background)
            assert mbo[i].item() == pytest.approx(best, abs=1e-12, nan_ok=True)
            assert miou[i].item() == pytest.approx(matched, abs=1e-12, nan_ok=True)
    options = {
        "include_background": include_background,
        "valid": torch.tensor(valid),
        "invalid_in_area": True,
    }
    mbo, miou = mean_best_overlap(*tensors, **options), mean_iou(*tensors, **options)
    assert mbo.dtype == miou.dtype == torch.float64
    for i in range(3):
        labelled = np.where(valid[i], target[i], -1)  # a pixel of the prediction, but of no true segment
        best, matched = brute_force(pred[i], labelled, include_background=include_background)
        assert mbo[i].item() == pytest.approx(best, abs=1e-12, nan_ok=True)
        assert miou[i].item() == pytest.approx(matched, abs=1e-12, nan_ok=True)


@given(seed=st.integers(0, 2**32 - 1))
def test_unlabelled_pixels_in_the_area_are_the_authors_convention(seed: int) -> None:
    """Theirs (util_learn.py, `intersection_over_union`) has one-hot maps, zeros where there is no label."""
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randint(4, (2, 5, 64), generator=generator)
    valid = torch.rand(5, 64, generator=generator) < 0.6
    shown = torch.nn.functional.one_hot(pred, 4).double()
    true = torch.nn.functional.one_hot(target, 4).double() * valid[..., None]
    both = torch.einsum("bpk,bpd->bkd", shown, true)
    union = shown.sum(dim=1)[:, :, None] + true.sum(dim=1)[:, None] - both
    best = (both / union.clamp(min=1)).amax(dim=1).sum(dim=1) / true.any(dim=1).sum(dim=1)
    found = mean_best_overlap(pred, target, valid=valid, invalid_in_area=True)
    torch.testing.assert_close(found, best, rtol=0, atol=1e-14, equal_nan=True)
    assert (found <= mean_best_overlap(pred, target, valid=valid) + 1e-12).all()


@pytest.mark.parametrize("shape", [(384, 384), (24, 256, 256)], ids=str)
def test_exact_at_the_sizes_we_use(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(7)
    target = rng.integers(0, 3, shape)
    pred = np.where(rng.random(shape) < 0.8, target, rng.integers(0, 4, shape))
    best, matched = brute_force(pred, target)
    tensors = torch.tensor(pred)[None], torch.tensor(target)[None]
    assert mean_best_overlap(*tensors).item() == pytest.approx(best, abs=1e-14)
    assert mean_iou(*tensors).item() == pytest.approx(matched, abs=1e-14)


def test_a_segment_counts_for_one_true_segment_only() -> None:
    """One predicted segment over two true halves: best IoU 1/2 for both, but a match for one of them."""
    pred, target = torch.zeros(1, 10, dtype=torch.int64), (torch.arange(10) >= 5).long()[None]
    assert mean_best_overlap(pred, target).item() == 0.5
    assert mean_iou(pred, target).item() == 0.25


def test_spilling_into_the_background_costs_though_it_is_no_segment() -> None:
    pred, target = torch.tensor([[1, 1, 1, 1]]), torch.tensor([[0, 0, 1, 1]])
    assert mean_best_overlap(pred, target, include_background=False).item() == 0.5
    assert mean_best_overlap(pred, target, include_background=True).item() == 0.5
    assert mean_best_overlap(pred, target, valid=target > 0).item() == 1


def test_perfect_up_to_names_and_no_segment_at_all() -> None:
    target = torch.randint(0, 5, (2, 16, 16))
    assert mean_iou(10 - target, target).tolist() == [1, 1]
    background = torch.zeros(2, 4, dtype=torch.int64)
    assert mean_iou(background, background, include_background=False).isnan().all()
    assert mean_best_overlap(background, background, include_background=False).isnan().all()


@given(seed=st.integers(0, 2**32 - 1), include_background=st.booleans(), in_area=st.booleans())
def test_all_from_one_table_equals_each_alone(seed: int, include_background: bool, in_area: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randint(6, (2, 3, 4, 5), generator=generator)
    valid = torch.rand(3, 4, 5, generator=generator) < 0.8
    scores = segmentation_scores(
        pred, target, valid=valid, include_background=include_background, invalid_in_area=in_area
    )
    mbo = mean_best_overlap(pred, target, include_background, valid=valid, invalid_in_area=in_area)
    miou = mean_iou(pred, target, include_background, valid=valid, invalid_in_area=in_area)
    assert torch.equal(scores.ari, adjusted_rand_index(pred, target, valid=valid))
    assert torch.equal(scores.ari_foreground, adjusted_rand_index(pred, target, True, valid=valid))
    torch.testing.assert_close(scores.mbo, mbo, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(scores.miou, miou, rtol=0, atol=0, equal_nan=True)
    assert (miou <= mbo + 1e-12).all()
