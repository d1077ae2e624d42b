"""Clustering rows: planted clusters are found, the number of segments is kept, the oracle is exact."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from dias.errors import DiasError
from dias.evaluation import clustering
from dias.evaluation.cluster_number import best_silhouette, eigengap, largest_gap
from dias.evaluation.clustering import METHODS, Cluster, cluster_maps, oracle_maps
from dias.evaluation.protocol import ClusteringConfig

CONFIG = ClusteringConfig()


def planted(
    seed: int, *, count: int, tokens: int = 64, channels: int = 16, apart: float = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens around `count` orthogonal directions, on top of something that all share."""
    rng = np.random.default_rng(seed)
    labels = np.arange(tokens) % count
    rng.shuffle(labels)
    centres = np.linalg.qr(rng.normal(size=(channels, channels)))[0][:count]
    features = 5 + apart * centres[labels] + 0.1 * rng.normal(size=(tokens, channels))
    return features.astype(np.float32), labels


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_clusters_are_found(method: Cluster, count: int, seed: int) -> None:
    features, labels = planted(seed, count=count)
    assert adjusted_rand_score(labels, method(features, count, CONFIG)) == 1.0


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("count", [2, 3, 6])
def test_planted_clusters_are_found_and_counted_untold(method: Cluster, count: int) -> None:
    features, labels = planted(0, count=count, apart=20)
    assert adjusted_rand_score(labels, method(features, None, CONFIG)) == 1.0


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_untold_numbers_stay_within_their_bounds(method: Cluster) -> None:
    """Noise has no number; every image may have its own."""
    features = torch.randn(3, 30, 6, generator=torch.Generator().manual_seed(0))
    config = ClusteringConfig(most=4)
    maps, exists = cluster_maps(features, None, method=method, config=config)
    counts = exists.sum(dim=1)
    assert ((counts >= 2) & (counts <= 4)).all()
    assert (maps.sum(dim=1) == 1).all()
    assert (maps[~exists] == 0).all()
    assert (maps.sum(dim=2)[exists] > 0).all()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("tokens", [1, 2, 3, 9])
def test_images_without_groups_do_no_harm(method: Cluster, tokens: int) -> None:
    for features in (np.ones((tokens, 4), dtype=np.float32), np.eye(tokens, 9, dtype=np.float32)):
        if tokens > 1:
            found = method(features, None, CONFIG)
            assert found.shape == (tokens,)


def test_the_rules_by_hand() -> None:
    assert largest_gap(np.array([0.1, 0.9, 0.2, 1.0]), most=12) == 3  # cut between 0.9 and 0.2
    assert largest_gap(np.array([0.1, 0.9, 0.2, 1.0]), most=2) == 2
    three = np.kron(np.eye(3), np.ones((4, 4)))
    assert eigengap(three, most=12) == 3  # eigenvalues 0, 0, 0, 1, ...
    assert eigengap(three, most=2) == 2
    right, wrong = np.repeat([0, 1, 2], 4), np.repeat([0, 1], [4, 8])
    assert best_silhouette([wrong, right], 1 - three) is right
    assert best_silhouette([np.arange(12), right], 1 - three) is right  # all alone is not defined


@settings(max_examples=10)
@given(seed=st.integers(0, 100), counts=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_maps_give_every_token_to_one_segment_that_exists(seed: int, counts: list[int]) -> None:
    features = torch.randn(len(counts), 20, 6, generator=torch.Generator().manual_seed(seed))
    for method in METHODS.values():
        maps, exists = cluster_maps(features, torch.tensor(counts), method=method, config=CONFIG)
        assert maps.shape == (len(counts), max(counts), 20)
        assert (maps.sum(dim=1) == 1).all()
        assert (maps[~exists] == 0).all()
        assert exists.sum(dim=1).tolist() == counts


def test_more_segments_than_tokens_and_equal_tokens_do_no_harm() -> None:
    same = torch.ones(1, 9, 4)
    for method in METHODS.values():
        maps, _ = cluster_maps(same, torch.tensor([50]), method=method, config=CONFIG)
        assert maps.shape == (1, 9, 9)
        assert (maps.sum(dim=1) == 1).all()


def test_the_same_seed_gives_the_same_clusters() -> None:
    features, _ = planted(3, count=5)
    for method in METHODS.values():
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
