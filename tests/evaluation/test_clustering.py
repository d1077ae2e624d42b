"""Clustering rows: planted clusters are found, the number of segments is kept, the oracle is exact."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from dias.errors import DiasError
from dias.evaluation import clustering
from dias.evaluation.clustering import cluster_maps, kmeans, oracle_maps, spectral
from dias.evaluation.protocol import ClusteringConfig

CONFIG = ClusteringConfig()


def planted(seed: int, *, count: int, tokens: int = 64, channels: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Tokens around `count` orthogonal directions, on top of something that all share."""
    rng = np.random.default_rng(seed)
    labels = np.arange(tokens) % count
    rng.shuffle(labels)
    centres = np.linalg.qr(rng.normal(size=(channels, channels)))[0][:count]
    features = 5 + 3 * centres[labels] + 0.1 * rng.normal(size=(tokens, channels))
    return features.astype(np.float32), labels


@pytest.mark.parametrize("method", [kmeans, spectral])
@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_clusters_are_found(method: clustering.Cluster, count: int, seed: int) -> None:
    features, labels = planted(seed, count=count)
    assert adjusted_rand_score(labels, method(features, count, CONFIG)) == 1.0


@settings(max_examples=10)
@given(seed=st.integers(0, 100), counts=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_maps_give_every_token_to_one_segment_that_exists(seed: int, counts: list[int]) -> None:
    features = torch.randn(len(counts), 20, 6, generator=torch.Generator().manual_seed(seed))
    for method in (kmeans, spectral):
        maps, exists = cluster_maps(features, torch.tensor(counts), method=method, config=CONFIG)
        assert maps.shape == (len(counts), max(counts), 20)
        assert (maps.sum(dim=1) == 1).all()
        assert (maps[~exists] == 0).all()
        assert exists.sum(dim=1).tolist() == counts


def test_more_segments_than_tokens_and_equal_tokens_do_no_harm() -> None:
    same = torch.ones(1, 9, 4)
    for method in (kmeans, spectral):
        maps, _ = cluster_maps(same, torch.tensor([50]), method=method, config=CONFIG)
        assert maps.shape == (1, 9, 9)
        assert (maps.sum(dim=1) == 1).all()


def test_the_same_seed_gives_the_same_clusters() -> None:
    features, _ = planted(3, count=5)
    for method in (kmeans, spectral):
        assert (method(features, 4, CONFIG) == method(features, 4, CONFIG)).all()


def test_the_oracle_is_the_share_of_each_segment_in_each_token() -> None:
    mask = torch.zeros(4, 8, dtype=torch.int64)
    mask[:, 5:] = 7  # numbers need not be in sequence
    maps, exists = oracle_maps(mask[None], grid=(2, 4))
    assert exists.tolist() == [[True, True]]
    expected = torch.tensor([[1, 1, 0.5, 0], [0, 0, 0.5, 1]])
    assert torch.equal(maps[0], torch.cat([expected, expected], dim=1))


def test_without_scikit_learn_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "find_spec", lambda name: None)
    with pytest.raises(DiasError, match=r"dias-ocl\[compare\]"):
        clustering.require_sklearn()
