"""Redundant slots become one: complete-linkage clustering by cosine distance, batched on the device."""

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from dias.nn.slots.dendrogram import cosine_distance, join, number


@torch.no_grad()
def agglomerate(
    slots: Float[Tensor, "b n d"],
    threshold: float | Float[Tensor, " b"],
    *,
    kept: Bool[Tensor, "b n"] | None = None,
) -> Int64[Tensor, "b n"]:
    """Cluster each image's slots by complete linkage, cut at `threshold` (method, section 2.2).

    Equal, image by image, to scikit-learn's AgglomerativeClustering(metric="precomputed", linkage="complete",
    distance_threshold=threshold) of cosine distances, unless two distances are exactly equal: either
    may be merged first then. n - 1 merge steps over a (b, n, n) distance tensor: no loop
    over images, no wait for a GPU.

    Args:
        slots: of any float type; distances are computed in float64.
        threshold: cosine distance (0 to 2), one for all images or one for each; clusters join while their
            farthest members are nearer than this, so 0 joins nothing.
        kept: slots that are there; all if None. Others join nothing.

    Returns:
        Cluster of each slot, numbered from 0 in the order of first appearance; -1: the slot is not kept.
    """
    b, n, _ = slots.shape
    kept = torch.ones(b, n, dtype=torch.bool, device=slots.device) if kept is None else kept
    distance = cosine_distance(slots, kept)
    limit = _one_each(threshold, slots)
    look = slots.device.type == "cpu" and not torch.compiler.is_compiling()  # a graph has no early end
    root = torch.arange(n, device=slots.device).expand(b, n)  # first member of each slot's cluster
    for _ in range(n - 1):
        nearest, pair = distance.flatten(1).min(dim=1)
        wanted = nearest < limit
        if look and not wanted.any():  # on a GPU this would wait for the device
            break
        root = join(distance, root, pair, wanted)
    return number(root, kept)


def reduce_redundancy(
    slots: Float[Tensor, "b n d"],
    threshold: float | Float[Tensor, " b"],
    *,
    kept: Bool[Tensor, "b n"] | None = None,
) -> tuple[Float[Tensor, "b n d"], Bool[Tensor, "b n"]]:
    """Merge redundant slots (method, section 2.2); differentiable in `slots`.

    An image whose slots would all become one keeps them as they are: fewer than two slots explain nothing.

    Args:
        slots: of any float type; the result has the same.
        threshold: as in `agglomerate`.
        kept: likewise; others stay out.

    Returns:
        The mean of each cluster at the place of its first member, zeros elsewhere; and which places are kept
        (True).
    """
    labels = keep_at_least_two(agglomerate(slots, threshold, kept=kept))
    return merge(merge_matrix(labels), slots), is_first(labels)


def keep_at_least_two(labels: Int64[Tensor, "b n"]) -> Int64[Tensor, "b n"]:
    """Undo the clustering of every image that it would leave with a single cluster."""
    there = labels >= 0
    alone = (there.cumsum(dim=1) - 1).masked_fill(~there, -1)
    return torch.where(labels.amax(dim=1, keepdim=True) < 1, alone, labels)


def merge_matrix(labels: Int64[Tensor, "b n"]) -> Float64[Tensor, "b n n"]:
    """Row i averages the cluster whose first member is i; rows of later members, and of label -1, are 0.

    What belongs to slots is merged by `merge` with it: slots, queries. `merge_matrix(labels) > 0` sums up
    instead, as attention maps want it.
    """
    same = labels[:, :, None] == labels[:, None, :]
    return same * is_first(labels)[:, :, None] / same.sum(dim=2, keepdim=True).double()


def merge(
    average: Float[Tensor, "b n n"] | Bool[Tensor, "b n n"], values: Float[Tensor, "b n d"]
) -> Float[Tensor, "b n d"]:
    """Apply a merge matrix, in float32 at least and outside autocast: bf16 would round the mean."""
    precise = torch.promote_types(values.dtype, torch.float32)
    with torch.autocast(values.device.type, enabled=False):
        return (average.to(precise) @ values.to(precise)).to(values.dtype)


def is_first(labels: Int64[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
    """Whether a slot is the first of its cluster: none before it has its label, which is not -1."""
    repeated = (labels[:, :, None] == labels[:, None, :]).tril(diagonal=-1).any(dim=2)
    return ~repeated & (labels >= 0)


def _one_each(threshold: float | Float[Tensor, " b"], slots: Float[Tensor, "b n d"]) -> Float64[Tensor, " b"]:
    if isinstance(threshold, Tensor):
        return threshold.to(slots.device, torch.float64)
    return torch.full(slots.shape[:1], threshold, dtype=torch.float64, device=slots.device)
