"""How many clusters there are in an image, when nobody tells: three rules, each at home with one method."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64


def best_silhouette(
    groupings: Sequence[Int64[np.ndarray, " m"]], distance: Float64[np.ndarray, "m m"]
) -> Int64[np.ndarray, " m"]:
    """The grouping with the largest mean silhouette (Rousseeuw 1987); the first of equals.

    Args:
        groupings: labels of the same tokens, one grouping for each number of groups.
        distance: between tokens, 0 on the diagonal.
    """
    from sklearn.metrics import silhouette_score

    def score(labels: Int64[np.ndarray, " m"]) -> float:
        if not 1 < len(np.unique(labels)) < len(labels):
            return -1.0  # where it is not defined
        return float(silhouette_score(distance, labels, metric="precomputed"))

    return max(groupings, key=score, default=np.zeros(len(distance), dtype=np.int64))


def eigengap(affinity: Float64[np.ndarray, "m m"], *, most: int) -> int:
    """The number, 2 to `most`, after which the Laplacian's eigenvalues rise most (von Luxburg 2007).

    The Laplacian is the symmetric, normalised one.

    Args:
        affinity: of tokens, at least 0, symmetric, 1 on the diagonal.
        most: clusters; no more than there are tokens less one.
    """
    from scipy.linalg import eigh

    tokens = len(affinity)
    most = min(most, tokens - 1)
    if most < 2:
        return 1
    scale = 1 / np.sqrt(affinity.sum(axis=1))
    laplacian = np.eye(tokens) - scale[:, None] * affinity * scale[None]
    values = eigh(laplacian, eigvals_only=True, subset_by_index=(0, most))
    return 2 + int(np.argmax(np.diff(values)[1:]))


def largest_gap(heights: Float64[np.ndarray, " merges"], *, most: int) -> int:
    """The number, 2 to `most`, that the longest stretch of cutting heights gives.

    Args:
        heights: distance at each merge of the whole tree, in any order.
        most: clusters.
    """
    falling = np.sort(heights)[::-1]  # the k-th makes k + 1 clusters one fewer
    gaps = falling[: most - 1] - np.append(falling, 0.0)[1:most]
    return 2 + int(np.argmax(gaps)) if len(gaps) else 1
