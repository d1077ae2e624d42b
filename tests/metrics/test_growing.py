import pickle
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from jaxtyping import config
from sklearn.metrics import adjusted_rand_score

from dias.errors import DiasError
from dias.metrics import Contingency, GrowingContingency, scores_from_counts, segmentation_scores
from dias.metrics.ari import ari_from_counts

METRICS = ("ari", "ari_foreground", "mbo", "miou")
NAMES = {"few": np.arange(9), "wild": np.array([0, -(2**63), 2**63 - 1, -1, 255, 2**40, 7, 300, -256])}


@hypothesis_settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 7),
    names=st.sampled_from(sorted(NAMES)),
    background=st.booleans(),
    area=st.booleans(),
    share=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_frame_by_frame_equals_the_whole_clip_at_once(
    seed: int, frames: int, names: str, background: bool, area: bool, share: float
) -> None:
    rng = np.random.default_rng(seed)
    # segments come and go: each frame has its own few
    chosen = rng.integers(0, 9, (2, frames, 3))
    maps = [NAMES[names][np.take_along_axis(one, rng.integers(0, 3, (frames, 20)), 1)] for one in chosen]
    pred, target = (torch.tensor(one.reshape(frames, 4, 5)) for one in maps)
    valid = torch.tensor(rng.random((frames, 4, 5)) < share)
    clip = GrowingContingency()
    for place in range(frames):
        clip.add(pred[place], target[place], valid=valid[place])
    rules = {"include_background": background, "invalid_in_area": area}
    streamed = scores_from_counts(clip.total(), **rules)
    at_once = segmentation_scores(pred[None], target[None], valid=valid[None], **rules)
    for metric in METRICS:
        ours, expected = getattr(streamed, metric), getattr(at_once, metric)
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-14, equal_nan=True)


@hypothesis_settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_frame_alone_scores_as_an_image(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randint(-2, 5, (2, 3, 6, 5), generator=generator)
    valid = torch.rand(3, 6, 5, generator=generator) < 0.7
    clip = GrowingContingency()
    for place in range(3):
        frame = clip.add(pred[place], target[place], valid=valid[place])
        ours = scores_from_counts(frame.table, invalid_in_area=True)
        one = slice(place, place + 1)
        expected = segmentation_scores(pred[one], target[one], valid=valid[one], invalid_in_area=True)
        for metric in METRICS:
            torch.testing.assert_close(
                getattr(ours, metric), getattr(expected, metric), rtol=0, atol=1e-14, equal_nan=True
            )


@pytest.mark.parametrize("background", [0.5, 0.9])
def test_24_frames_of_256_x_256_equal_scikit_learn(background: float) -> None:
    rng = np.random.default_rng(42)
    target = rng.integers(1, 6, (24, 256, 256)) * (rng.random((24, 256, 256)) > background)
    pred = np.where(rng.random(target.shape) < 0.95, target, rng.integers(0, 8, target.shape))
    pred[12:] = (pred[12:] + 1) % 8  # everything changes its identity
    clip = GrowingContingency()
    for labels, truth in zip(torch.tensor(pred), torch.tensor(target), strict=True):
        clip.add(labels, truth)
    found = scores_from_counts(clip.total())
    front = target > 0
    assert found.ari.item() == pytest.approx(adjusted_rand_score(target.ravel(), pred.ravel()), abs=1e-12)
    assert found.ari_foreground.item() == pytest.approx(
        adjusted_rand_score(target[front], pred[front]), abs=1e-12
    )
    at_once = segmentation_scores(torch.tensor(pred)[None], torch.tensor(target)[None])
    for metric in METRICS:
        torch.testing.assert_close(getattr(found, metric), getattr(at_once, metric), rtol=0, atol=1e-15)


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1, 10**9, 10**13]))
def test_ari_is_exact_beyond_the_range_of_int64(seed: int, scale: int) -> None:
    """Hours of video: the number of pairs of pixels no longer fits."""
    counts = np.random.default_rng(seed).integers(0, 50, (4, 3)) * scale
    n = int(counts.sum())
    within = [Fraction(sum(int(c) * (int(c) - 1) for c in one.ravel())) for one in (counts, *_sums(counts))]
    expected = within[1] * within[2] / (n * (n - 1))
    truth = (within[0] - expected) / ((within[1] + within[2]) / 2 - expected)
    table = Contingency(
        counts=torch.tensor(counts)[None],
        invalid=torch.zeros(1, 4, dtype=torch.int64),
        background=torch.tensor([[True, False, False]]),
    )
    assert ari_from_counts(table).item() == pytest.approx(float(truth), abs=1e-15, rel=1e-12)


def _sums(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return counts.sum(axis=0), counts.sum(axis=1)


def test_an_empty_image_beside_a_huge_one_has_no_ari() -> None:
    counts = torch.tensor([[[0, 0], [0, 0]], [[2**33, 0], [0, 2**33]]])
    flags = torch.zeros(2, 2, dtype=torch.bool)
    found = ari_from_counts(Contingency(counts=counts, invalid=counts[:, 0] * 0, background=flags))
    assert found[0].isnan()
    assert found[1] == 1


def test_memory_does_not_grow_with_frames() -> None:
    generator = torch.Generator().manual_seed(0)
    clip, sizes = GrowingContingency(), []
    for _ in range(200):
        clip.add(*torch.randint(7, (2, 8, 8), generator=generator))
        sizes.append(len(pickle.dumps(clip)))
    assert sizes[-1] == sizes[9]


def test_a_clip_without_frames_or_valid_pixels_is_not_scored() -> None:
    clip = GrowingContingency()
    assert scores_from_counts(clip.total()).mbo.isnan().all()
    labels = torch.ones(4, 4, dtype=torch.int64)
    clip.add(labels, labels, valid=labels > 1)
    clip.add(labels[:0], labels[:0])
    scores = scores_from_counts(clip.total())
    assert all(getattr(scores, metric).isnan().all() for metric in METRICS)


def test_maps_that_cannot_be_counted_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as for a user: annotations are not checked
    labels = torch.zeros(4, 4, dtype=torch.int64)
    with pytest.raises(DiasError, match="resize the prediction to the ground truth"):
        GrowingContingency().add(labels, labels[:2])
    with pytest.raises(DiasError, match="give a tensor of integer labels"):
        GrowingContingency().add(labels, labels.double())
