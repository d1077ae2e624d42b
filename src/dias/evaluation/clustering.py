"""Masks that need no training: clusters of an image's own features, and the best the token grid allows."""

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from dias.errors import DiasError
from dias.evaluation.protocol import ClusteringConfig

Cluster = Callable[[Float[np.ndarray, "m c"], int, ClusteringConfig], Int64[np.ndarray, " m"]]


def kmeans(
    features: Float[np.ndarray, "m c"], count: int, config: ClusteringConfig
) -> Int64[np.ndarray, " m"]:
    """Cluster tokens into `count` groups by k-means on unit vectors."""
    from sklearn.cluster import KMeans

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct tokens than clusters: fewer clusters come back
        found = KMeans(count, n_init=config.kmeans_starts, random_state=config.seed).fit_predict(
            _unit(features)
        )
    return np.asarray(found, dtype=np.int64)


def spectral(
    features: Float[np.ndarray, "m c"], count: int, config: ClusteringConfig
) -> Int64[np.ndarray, " m"]:
    """Cluster tokens into `count` groups by normalised cuts of cosine similarities (Shi & Malik 2000)."""
    from sklearn.cluster import SpectralClustering

    if count == 1:
        return np.zeros(len(features), dtype=np.int64)
    unit = _unit(features).astype(np.float64)
    affinity = (unit @ unit.T).clip(min=0) ** config.spectral_power
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a graph in several pieces still gives clusters
        found = SpectralClustering(
            count, affinity="precomputed", random_state=config.seed, n_init=config.kmeans_starts
        ).fit_predict(affinity)
    return np.asarray(found, dtype=np.int64)


def cluster_maps(
    features: Float[Tensor, "b m c"],
    counts: Int64[Tensor, " b"],
    *,
    method: Cluster,
    config: ClusteringConfig,
) -> tuple[Float[Tensor, "b n m"], Bool[Tensor, "b n"]]:
    """Cluster each image's tokens into its own number of groups: maps of 0 and 1, and which of them exist."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # of scikit-learn

    tokens = features.float().cpu().numpy()
    wanted = counts.clamp(min=1, max=features.shape[1]).tolist()
    with threadpool_limits(1):  # 256 tokens are too few for threads: they cost ten times the work
        labels = [method(one, count, config) for one, count in zip(tokens, wanted, strict=True)]
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
        raise DiasError("clustering rows: scikit-learn is not installed; pip install 'dias-ocl[compare]'")


def _unit(features: Float[np.ndarray, "m c"]) -> Float[np.ndarray, "m c"]:
    """Vectors of length 1, otherwise left alone: standardising first costs both methods 15 points of ARI."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    scaled = features / np.maximum(length, 1e-8)
    assert isinstance(scaled, np.ndarray)
    return scaled
