"""Masks that need no training: clusters of an image's own features, and the best the token grid allows."""

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from dias.errors import DiasError, how_to_install
from dias.evaluation.cluster_number import best_silhouette, eigengap, largest_gap
from dias.evaluation.protocol import ClusteringConfig

Cluster = Callable[[Float[np.ndarray, "m c"], int | None, ClusteringConfig], Int64[np.ndarray, " m"]]


def kmeans(
    features: Float[np.ndarray, "m c"], count: int | None, config: ClusteringConfig
) -> Int64[np.ndarray, " m"]:
    """Cluster tokens into `count` groups by k-means on unit vectors; None: the number by the silhouette."""
    from sklearn.cluster import KMeans

    unit = _unit(features)

    def grouped(number: int) -> Int64[np.ndarray, " m"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fewer distinct tokens than clusters: fewer clusters come back
            found = KMeans(number, n_init=config.kmeans_starts, random_state=config.seed).fit_predict(unit)
        return np.asarray(found, dtype=np.int64)

    if count is not None:
        return grouped(count)
    most = min(config.most, len(features))
    return best_silhouette([grouped(number) for number in range(2, most + 1)], 1 - _alike(unit, config.power))


def spectral(
    features: Float[np.ndarray, "m c"], count: int | None, config: ClusteringConfig
) -> Int64[np.ndarray, " m"]:
    """Cluster tokens into `count` groups by normalised cuts of cosine similarities (Shi & Malik 2000).

    None: as many as the eigengap tells.
    """
    from sklearn.cluster import SpectralClustering

    unit = _unit(features)
    if count is None:
        count = eigengap(_alike(unit, config.power), most=config.most)
    if count == 1:
        return np.zeros(len(features), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a graph in several pieces still gives clusters
        found = SpectralClustering(
            count, affinity="precomputed", random_state=config.seed, n_init=config.kmeans_starts
        ).fit_predict(_alike(unit, config.spectral_power))
    return np.asarray(found, dtype=np.int64)


def agglomerative(
    features: Float[np.ndarray, "m c"], count: int | None, config: ClusteringConfig
) -> Int64[np.ndarray, " m"]:
    """Merge the nearest two groups of tokens, by cosine, until `count` are left; None: by the largest gap."""
    from sklearn.cluster import AgglomerativeClustering

    distance = 1 - _alike(_unit(features), config.power)
    if count is None:
        tree = AgglomerativeClustering(
            None, metric="precomputed", linkage=config.linkage, distance_threshold=0.0
        ).fit(distance)
        count = largest_gap(np.asarray(tree.distances_, dtype=np.float64), most=config.most)
    found = AgglomerativeClustering(count, metric="precomputed", linkage=config.linkage).fit_predict(distance)
    return np.asarray(found, dtype=np.int64)


METHODS: dict[str, Cluster] = {"k-means": kmeans, "spectral": spectral, "agglomerative": agglomerative}


def cluster_maps(
    features: Float[Tensor, "b m c"],
    counts: Int64[Tensor, " b"] | None,
    *,
    method: Cluster,
    config: ClusteringConfig,
) -> tuple[Float[Tensor, "b n m"], Bool[Tensor, "b n"]]:
    """Cluster each image's tokens into groups: maps of 0 and 1, and which of them exist.

    Args:
        features: of each image's tokens.
        counts: groups of each image; None lets the method choose.
        method: one of this module's.
        config: its settings.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # of scikit-learn

    tokens = features.float().cpu().numpy()
    told: list[int | None] = [None] * len(tokens)
    if counts is not None:
        told = counts.clamp(min=1, max=features.shape[1]).tolist()
    with threadpool_limits(1):  # 256 tokens are too few for threads: they cost ten times the work
        labels = [method(one, count, config) for one, count in zip(tokens, told, strict=True)]
    wanted = [
        int(found.max()) + 1 if count is None else count for found, count in zip(labels, told, strict=True)
    ]
    most = max(wanted)
    maps = one_hot(torch.from_numpy(np.stack(labels)), most).transpose(1, 2).float()
    exists = torch.arange(most)[None] < torch.tensor(wanted)[:, None]
    return maps, exists


def oracle_maps(
    masks: Int64[Tensor, "b h w"], *, grid: tuple[int, int]
) -> tuple[Float[Tensor, "b n m"], Bool[Tensor, "b n"]]:
    """Ground truth averaged over each token's square: no masks on this grid can be much better."""
    each = [torch.unique(mask, return_inverse=True)[1] for mask in masks]
    most = max(int(numbers.max()) for numbers in each) + 1
    maps = [
        adaptive_avg_pool2d(one_hot(numbers, most).permute(2, 0, 1).float(), grid).flatten(1)
        for numbers in each
    ]
    exists = torch.stack([torch.arange(most) <= numbers.max().cpu() for numbers in each])
    return torch.stack(maps).cpu(), exists


def require_sklearn() -> None:
    """Check that scikit-learn is there.

    Raises:
        DiasError: it is not; the message names the extra that brings it.
    """
    if find_spec("sklearn") is None:
        raise DiasError(f"clustering rows: scikit-learn is not installed; run: {how_to_install('compare')}")


def _alike(unit: Float[np.ndarray, "m c"], power: int) -> Float64[np.ndarray, "m m"]:
    """Cosine similarities, 0 to 1, to a power that makes near neighbours count more."""
    wide = unit.astype(np.float64)
    alike = (wide @ wide.T).clip(0, 1) ** power
    np.fill_diagonal(alike, 1.0)
    assert isinstance(alike, np.ndarray)
    return alike


def _unit(features: Float[np.ndarray, "m c"]) -> Float[np.ndarray, "m c"]:
    """Vectors of length 1, otherwise left alone: standardising first costs two methods 15 points of ARI."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    scaled = features / np.maximum(length, 1e-8)
    assert isinstance(scaled, np.ndarray)
    return scaled
