import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from sklearn.metrics import silhouette_samples, silhouette_score
from sklearn.metrics.pairwise import cosine_distances

from alike_slots import slots_of
from dias.nn.slots.cuts import explained, explained_by_slots, gaps, removal_errors, silhouettes
from dias.nn.slots.dendrogram import dendrogram


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 16), d=st.integers(2, 32))
def test_silhouettes_equal_scikit_learn(seed: int, n: int, d: int) -> None:
    slots = slots_of(seed, n=n, d=d, images=4)
    tree = dendrogram(slots)
    found = silhouettes(tree)
    for image in range(4):
        distance = cosine_distances(slots[image].numpy())
        np.fill_diagonal(distance, 0)
        for merges in range(1, n - 1):
            labels = tree.after(torch.full((4,), merges))[image].numpy()
            each = silhouette_samples(distance, labels, metric="precomputed")
            np.testing.assert_allclose(found[image, merges].numpy(), each, atol=1e-9)
            mean = silhouette_score(distance, labels, metric="precomputed")
            assert found[image, merges].mean().item() == pytest.approx(mean, abs=1e-9)
    assert (found[:, [0, n - 1]] == 0).all()  # all alone, all together: scikit-learn refuses both


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 10))
def test_slots_that_are_not_kept_change_no_silhouette(seed: int, n: int) -> None:
    slots = slots_of(seed, n=n, images=6)
    kept = torch.rand(6, n, generator=torch.Generator().manual_seed(seed)) > 0.3
    found = silhouettes(dendrogram(slots, kept=kept))
    for image in range(6):
        there = kept[image]
        if there.any():
            alone = silhouettes(dendrogram(slots[image, there][None]))[0]
            torch.testing.assert_close(found[image, : len(alone)][:, there], alone)
        assert (found[image][:, ~there] == 0).all()


def test_gaps_by_hand() -> None:
    """Angles of 0, 10, 60 and 180 degrees: merges at 10, 60 and 180."""
    angle = torch.tensor([0.0, 10, 60, 180], dtype=torch.float64).deg2rad()
    tree = dendrogram(torch.stack([angle.cos(), angle.sin()], dim=1)[None])
    steps = [0.0, *(1 - np.cos(np.deg2rad(degrees)) for degrees in (10, 60, 180))]
    logs = np.log(np.array(steps) + 0.1)
    np.testing.assert_allclose(gaps(tree, floor=0.1)[0].numpy(), logs[1:] - logs[:-1], rtol=1e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 10), soft=st.floats(0.05, 5))
def test_what_is_not_explained_is_the_attention_weighted_error(seed: int, n: int, soft: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    tree = dendrogram(slots_of(seed, n=n, images=3))
    logits = torch.randn(3, n, 20, generator=generator, dtype=torch.float64)
    attention, tokens = (logits / soft).softmax(dim=1), torch.randn(3, 20, 5, generator=generator) + 3
    found = explained(tree, attention, tokens)
    for merges in range(n):
        for image in range(3):
            labels = tree.after(torch.full((3,), merges))[image]
            x, error = tokens[image].double(), 0.0
            for cluster in labels.unique():
                weight = attention[image, labels == cluster].sum(dim=0)
                mean = (weight[:, None] * x).sum(dim=0) / weight.sum()
                error += (weight * (x - mean).square().sum(dim=1)).sum().item()
            whole = (x - x.mean(dim=0)).square().sum().item()
            assert found[image, merges].item() == pytest.approx(1 - error / whole, abs=1e-5)
    assert (found[:, 1:] <= found[:, :-1] + 1e-6).all()
    assert (found[:, -1].abs() < 1e-6).all()
    torch.testing.assert_close(explained_by_slots(attention, tokens), found[:, 0])


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 8))
def test_removal_errors_by_hand(seed: int, n: int) -> None:
    """Error of each token of the cluster that goes: under the mean of the other one, minus under its own."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(2, n, generator=generator) > 0.2
    tree = dendrogram(slots_of(seed, n=n, images=2), kept=kept)
    attention = torch.rand(2, n, 15, generator=generator, dtype=torch.float64) * kept[..., None]
    attention = attention / attention.sum(dim=1, keepdim=True).clamp(min=1e-9)
    tokens = torch.randn(2, 15, 4, generator=generator) + 2
    found = removal_errors(tree, attention, tokens)
    for image in range(2):
        x = tokens[image].double()
        variance = (x - x.mean(dim=0)).square().sum(dim=1).mean().item()
        for merge in range(n - 1):
            if merge >= kept[image].sum() - 1:
                assert found[image, merge].item() == np.inf
                continue
            before, after = (tree.roots[image, merges] for merges in (merge, merge + 1))
            gone = before != after
            stays = before == after[gone][0]
            weight, other = attention[image, gone].sum(dim=0), attention[image, stays].sum(dim=0)
            own_mean, mean = ((w[:, None] * x).sum(dim=0) / w.sum() for w in (weight, other))
            errors = (x - mean).square().sum(dim=1) - (x - own_mean).square().sum(dim=1)
            rise = ((weight * errors).sum() / weight.sum()).item()
            assert found[image, merge].item() == pytest.approx(rise / variance, abs=1e-4)
