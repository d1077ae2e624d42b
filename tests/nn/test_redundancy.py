import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics.pairwise import cosine_distances

from dias.nn import agglomerate, reduce_redundancy
from dias.nn.slots.redundancy import keep_at_least_two, merge, merge_matrix

THRESHOLDS = [0.01, 0.05, 0.1, 0.3, 0.7, 1.0, 1.3]


def scikit_learn(slots: torch.Tensor, threshold: float) -> list[int]:
    """Clusters of one image, numbered in the order of first appearance."""
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=threshold
    )
    found = clustering.fit_predict(cosine_distances(slots.double().numpy())).tolist()
    names = {label: number for number, label in enumerate(dict.fromkeys(found))}
    return [names[label] for label in found]


def families(*, seed: int, n: int, d: int, noise: float, images: int = 32) -> torch.Tensor:
    """Slots that repeat one another, more or less, as those of a model do."""
    generator = torch.Generator().manual_seed(seed)
    parents = torch.randn(images, n, d, generator=generator)
    chosen = torch.randint(n, (images, n, 1), generator=generator).expand(-1, -1, d)
    return parents.gather(1, chosen) + noise * torch.randn(images, n, d, generator=generator)


def well_apart(slots: torch.Tensor, threshold: float) -> bool:
    """Linkage distances are distances of pairs: none may lie on the threshold, where rounding decides."""
    return bool(np.abs(cosine_distances(slots.double().numpy()) - threshold).min() > 1e-9)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 24),
    d=st.integers(2, 64),
    noise=st.sampled_from([0.0, 0.05, 0.2, 1.0]),
    threshold=st.sampled_from(THRESHOLDS),
)
def test_every_image_equals_scikit_learn(seed: int, n: int, d: int, noise: float, threshold: float) -> None:
    """32 images in each of 100 examples: 3,200 clusterings."""
    slots = families(seed=seed, n=n, d=d, noise=noise)
    labels = agglomerate(slots, threshold).tolist()
    for image, found in zip(slots, labels, strict=True):
        if well_apart(image, threshold):
            assert found == scikit_learn(image, threshold)


def test_each_image_may_have_its_own_threshold() -> None:
    slots, thresholds = families(seed=1, n=9, d=8, noise=0.3), torch.linspace(0.01, 1.2, 32)
    expected = [scikit_learn(*pair) for pair in zip(slots, thresholds.tolist(), strict=True)]
    assert agglomerate(slots, thresholds).tolist() == expected
    assert len({max(labels) for labels in expected}) > 4


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 10))
def test_slots_that_are_not_kept_take_no_part(seed: int, n: int) -> None:
    slots = families(seed=seed, n=n, d=6, noise=0.2, images=8)
    kept = torch.rand(8, n, generator=torch.Generator().manual_seed(seed)) > 0.4
    labels = agglomerate(slots.masked_fill(~kept[..., None], torch.nan), 0.3, kept=kept)
    merged, still_kept = reduce_redundancy(slots, 0.3, kept=kept)
    assert (labels[~kept] == -1).all()
    assert not (still_kept & ~kept).any()
    for i in range(8):
        alone = slots[i, kept[i]]
        if len(alone):
            assert labels[i, kept[i]].tolist() == agglomerate(alone[None], 0.3)[0].tolist()
            expected, expected_kept = reduce_redundancy(alone[None], 0.3)
            assert still_kept[i, kept[i]].tolist() == expected_kept[0].tolist()
            torch.testing.assert_close(merged[i, kept[i]], expected[0])


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 12), threshold=st.sampled_from(THRESHOLDS))
def test_means_stand_at_the_first_member(seed: int, n: int, threshold: float) -> None:
    slots = families(seed=seed, n=n, d=5, noise=0.1, images=8)
    labels = agglomerate(slots, threshold)
    merged, mask = reduce_redundancy(slots, threshold)
    for i in range(8):
        clusters = labels[i] if labels[i].max() > 0 else torch.arange(n)  # the guard
        expected, first = torch.zeros(n, 5), torch.zeros(n, dtype=torch.bool)
        for cluster in clusters.unique():
            members = torch.nonzero(clusters == cluster)[:, 0]
            expected[members[0]], first[members[0]] = slots[i, members].mean(dim=0), True
        assert torch.equal(mask[i], first)
        torch.testing.assert_close(merged[i], expected)
        assert mask[i].sum() >= 2


def test_an_image_of_one_kind_stays_as_it_is() -> None:
    same = torch.randn(1, 1, 8).expand(1, 5, 8) * torch.tensor([1.0, 2, 3, 4, 5])[:, None]
    other = torch.cat([same[:, :3], -same[:, 3:]], dim=1)
    slots = torch.cat([same, other])
    merged, mask = reduce_redundancy(slots, 0.1)
    assert mask.tolist() == [[True] * 5, [True, False, False, True, False]]
    torch.testing.assert_close(merged[0], slots[0], rtol=0, atol=0)
    assert agglomerate(slots, 0.1).tolist() == [[0] * 5, [0, 0, 0, 1, 1]]
    assert keep_at_least_two(torch.tensor([[0, -1, 0], [-1, -1, -1]])).tolist() == [[0, -1, 1], [-1] * 3]


@pytest.mark.parametrize(("n", "threshold", "clusters"), [(4, 0.0, 4), (4, 2.1, 1), (1, 0.5, 1)])
def test_ends_of_the_threshold(n: int, threshold: float, clusters: int) -> None:
    assert (agglomerate(torch.randn(3, n, 8), threshold).amax(dim=1) == clusters - 1).all()
    assert agglomerate(torch.randn(0, n, 8), threshold).shape == (0, n)


def test_a_slot_of_zeros_is_like_no_other() -> None:
    """Its cosine distance is 1 to everything, as in scikit-learn, never NaN."""
    slots = torch.tensor([[[0.0, 0], [1, 0], [0, 0], [1, 0.01]]])
    assert agglomerate(slots, 0.9).tolist() == [[0, 1, 2, 1]]


def test_gradient_reaches_every_member() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.eye(3, dtype=torch.float64)[[0, 1, 0, 2, 1]]
    slots = centres + 0.01 * torch.randn(2, 5, 3, dtype=torch.float64, generator=generator)
    slots.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: reduce_redundancy(s, 0.1)[0], slots)
    merged, mask = reduce_redundancy(slots, 0.1)
    assert mask.tolist() == [[True, True, False, True, False]] * 2
    merged.sum().backward()
    assert slots.grad is not None
    torch.testing.assert_close(slots.grad[0, :, 0], torch.tensor([0.5, 0.5, 0.5, 1, 0.5]).double())


def test_mixed_precision_does_not_round_the_mean() -> None:
    slots = families(seed=3, n=7, d=32, noise=0.1, images=4)
    expected, mask = reduce_redundancy(slots, 0.2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, found_mask = reduce_redundancy(slots, 0.2)
    assert torch.equal(found, expected)
    assert torch.equal(found_mask, mask)
    half, _ = reduce_redundancy(slots.bfloat16(), 0.2)
    assert half.dtype == torch.bfloat16


def test_attention_is_summed_and_stays_a_distribution() -> None:
    attention = torch.rand(2, 4, 9).softmax(dim=1)
    labels = torch.tensor([[0, 1, 0, 2], [0, 0, 1, 1]])
    summed = merge(merge_matrix(labels) > 0, attention)
    torch.testing.assert_close(summed[0, 0], attention[0, 0] + attention[0, 2])
    torch.testing.assert_close(summed.sum(dim=1), torch.ones(2, 9))
    assert (summed[1, [1, 3]] == 0).all()
    assert (merge_matrix(torch.tensor([[0, -1]])) == torch.tensor([[1.0, 0], [0, 0]])).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_never_waits_for_the_gpu_and_equals_the_cpu() -> None:
    slots = families(seed=0, n=11, d=64, noise=0.1)
    there = slots.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        labels, (merged, _) = agglomerate(there, 0.1), reduce_redundancy(there, 0.1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(labels.cpu(), agglomerate(slots, 0.1))
    torch.testing.assert_close(merged.cpu(), reduce_redundancy(slots, 0.1)[0])
