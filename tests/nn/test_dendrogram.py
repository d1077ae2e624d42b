import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis import given, settings
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist

from alike_slots import slots_of
from dias.nn import agglomerate
from dias.nn.slots.dendrogram import dendrogram


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 24), d=st.integers(2, 64))
def test_heights_equal_scipy(seed: int, n: int, d: int) -> None:
    slots = slots_of(seed, n=n, d=d)
    tree = dendrogram(slots)
    expected = [linkage(pdist(image, "cosine"), method="complete")[:, 2] for image in slots.numpy()]
    np.testing.assert_allclose(tree.heights.numpy(), np.stack(expected), rtol=1e-9, atol=1e-12)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 16), threshold=st.floats(0, 2), hidden=st.booleans())
def test_a_cut_below_a_distance_is_the_clustering_at_that_distance(
    seed: int, n: int, threshold: float, hidden: bool
) -> None:
    slots = slots_of(seed, n=n)
    kept = torch.rand(8, n, generator=torch.Generator().manual_seed(seed)) > 0.3 if hidden else None
    tree = dendrogram(slots, kept=kept)
    each = torch.linspace(0, threshold, 8, dtype=torch.float64)
    for limit in (threshold, each):
        below = tree.heights < (limit[:, None] if isinstance(limit, torch.Tensor) else limit)
        labels = tree.after(below.sum(dim=1))
        assert torch.equal(labels, agglomerate(slots, limit, kept=kept))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12))
def test_every_merge_takes_one_cluster_away(seed: int, n: int) -> None:
    slots = slots_of(seed, n=n)
    kept = torch.rand(8, n, generator=torch.Generator().manual_seed(seed)) > 0.3
    tree = dendrogram(slots.masked_fill(~kept[..., None], torch.nan), kept=kept)
    there = kept.sum(dim=1)
    for merges in range(n):
        labels = tree.after(torch.full((8,), merges))
        assert torch.equal(labels.amax(dim=1) + 1, torch.where(there > 0, (there - merges).clamp(min=1), 0))
        assert (labels[~kept] == -1).all()
    assert (tree.heights.isfinite().sum(dim=1) == (there - 1).clamp(min=0)).all()
    assert (tree.heights[:, 1:] >= tree.heights[:, :-1]).all()


def test_no_image_and_a_single_slot() -> None:
    assert dendrogram(torch.randn(0, 5, 3)).heights.shape == (0, 4)
    alone = dendrogram(torch.randn(2, 1, 3))
    assert alone.heights.shape == (2, 0)
    assert alone.after(torch.zeros(2, dtype=torch.int64)).tolist() == [[0], [0]]
