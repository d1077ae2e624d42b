"""How much two soft masks have in common."""

import torch
from jaxtyping import Float
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
