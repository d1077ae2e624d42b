"""How much two masks have in common."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Integer
from torch import Tensor


def soft_iou(one: Float[Tensor, "b n m"], other: Float[Tensor, "b k m"]) -> Float[Tensor, "b n k"]:
    """Sum of minima over sum of maxima of each pair of maps (Ruzicka 1958); 0 for two empty maps.

    It is the intersection over union for masks of 0 and 1, and 1 for equal maps, however soft, which the
    product form (pq over p + q - pq) is not. Values must not be below 0.
    """
    precise = torch.promote_types(one.dtype, torch.float32)
    one, other = one.to(precise), other.to(precise)
    # min(p, q) = (p + q - |p - q|) / 2, so that no (b, n, k, m) tensor is needed
    apart = torch.cdist(one, other, p=1.0)
    total = one.sum(dim=2)[:, :, None] + other.sum(dim=2)[:, None, :]
    return (total - apart).clamp(min=0) / (total + apart).clamp(min=torch.finfo(precise).tiny)


def label_iou(
    one: Integer[np.ndarray, "h w"],
    other: Integer[np.ndarray, "h w"],
    *,
    n: int,
    k: int,
    valid: Bool[np.ndarray, "h w"] | None = None,
) -> Float64[np.ndarray, "n k"]:
    """Intersection over union of segments 0 to n - 1 of one label map with 0 to k - 1 of another.

    Pixels are counted as whole numbers; 0 where a segment has none.

    Args:
        one: segment of each pixel; numbers outside 0 to n - 1 belong to none.
        other: likewise.
        n: segments of the one.
        k: segments of the other.
        valid: pixels to look at; all if None.
    """
    rows = np.where((one >= 0) & (one < n), one, n).astype(np.int64)
    columns = np.where((other >= 0) & (other < k), other, k).astype(np.int64)
    cells = rows * (k + 1) + columns
    cells = cells.ravel() if valid is None else cells[valid]
    counts = np.bincount(cells, minlength=(n + 1) * (k + 1)).reshape(n + 1, k + 1)
    shared = counts[:n, :k]
    union = counts.sum(axis=1)[:n, None] + counts.sum(axis=0)[None, :k] - shared
    iou: Float64[np.ndarray, "n k"] = shared / np.maximum(union, 1)
    return iou
