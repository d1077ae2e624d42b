"""Complete linkage by cosine distance: each image's tree of slots, and any cut through it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Dendrogram:
    """Which slots are merged after which, image by image.

    Attributes:
        distance: cosine distance (0 to 2) of each pair of slots; infinite on the diagonal and for slots that
            are not kept.
        heights: distance that each merge bridges, ascending (complete linkage has no inversions); infinite
            where no clusters are left to merge.
        roots: for 0 to n - 1 merges, the first member of each slot's cluster.
        kept: the slots that are there.
    """

    distance: Float64[Tensor, "b n n"]
    heights: Float64[Tensor, "b n-1"]
    roots: Int64[Tensor, "b n n"]
    kept: Bool[Tensor, "b n"]

    def after(self, merges: Int64[Tensor, " b"]) -> Int64[Tensor, "b n"]:
        """Cluster of each slot after so many merges (0 to n - 1) in each image, numbered as `number` does."""
        n = self.kept.shape[1]
        root = self.roots.gather(1, merges[:, None, None].expand(-1, 1, n))[:, 0]
        return number(root, self.kept)

    def steps(self, image: int) -> tuple[tuple[int, int, float], ...]:
        """Merges of an image, in order: which cluster (named by its first slot) took which, how far away."""
        found = []
        for step, height in enumerate(self.heights[image].tolist()):
            before, after = self.roots[image, step], self.roots[image, step + 1]
            moved = torch.nonzero(before != after)[:, 0]
            if len(moved):
                found.append((int(after[moved[0]]), int(before[moved[0]]), height))
        return tuple(found)


@torch.no_grad()
def dendrogram(slots: Float[Tensor, "b n d"], *, kept: Bool[Tensor, "b n"] | None = None) -> Dendrogram:
    """Merge each image's slots until one cluster is left: n - 1 steps, no loop over images.

    Heights equal scipy.cluster.hierarchy.linkage(method="complete") of cosine distances.

    Args:
        slots: of any float type; distances are computed in float64.
        kept: slots that are there; all if None. Others join nothing.
    """
    b, n, _ = slots.shape
    kept = torch.ones(b, n, dtype=torch.bool, device=slots.device) if kept is None else kept
    distance = cosine_distance(slots, kept)
    left, root = distance.clone(), torch.arange(n, device=slots.device).expand(b, n)
    heights, roots = [], [root]
    for _ in range(n - 1):
        nearest, pair = left.flatten(1).min(dim=1)
        root = join(left, root, pair, nearest < torch.inf)
        heights.append(nearest)
        roots.append(root)
    found = torch.stack(heights, dim=1) if heights else distance.new_zeros(b, 0)
    return Dendrogram(distance=distance, heights=found, roots=torch.stack(roots, dim=1), kept=kept)


def join(
    distance: Float64[Tensor, "b n n"],
    root: Int64[Tensor, "b n"],
    pair: Int64[Tensor, " b"],
    wanted: Bool[Tensor, " b"],
) -> Int64[Tensor, "b n"]:
    """One merge in each image that wants it; `distance` becomes that of what is left, in place.

    Args:
        distance: between clusters, at the places of their first members; infinite elsewhere.
        root: first member of each slot's cluster.
        pair: the two clusters that merge, as a place in the flattened distances.
        wanted: images where they do.

    Returns:
        The new roots.
    """
    n = distance.shape[1]
    images = torch.arange(distance.shape[0], device=distance.device)
    one, other = pair // n, pair % n
    low, high = torch.minimum(one, other), torch.maximum(one, other)
    to_low, to_high = distance[images, low], distance[images, high]
    farthest = torch.where(wanted[:, None], torch.maximum(to_low, to_high), to_low)
    gone = torch.where(wanted[:, None], torch.inf, to_high)
    distance[images, low] = farthest
    distance[images, :, low] = farthest
    distance[images, high] = gone
    distance[images, :, high] = gone
    return torch.where((root == high[:, None]) & wanted[:, None], low[:, None], root)


def number(root: Int64[Tensor, "b n"], kept: Bool[Tensor, "b n"]) -> Int64[Tensor, "b n"]:
    """Clusters numbered from 0 in the order of first appearance; -1: the slot is not kept."""
    is_root = (root == torch.arange(root.shape[1], device=root.device)) & kept
    return (is_root.cumsum(dim=1) - 1).gather(1, root).masked_fill(~kept, -1)


def cosine_distance(slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Float64[Tensor, "b n n"]:
    """1 - cosine; infinite on the diagonal and for slots that are not kept: they are nobody's nearest."""
    with torch.autocast(slots.device.type, enabled=False):
        precise = slots.double()
        products = precise @ precise.mT
        length = products.diagonal(dim1=1, dim2=2).sqrt().clamp(min=torch.finfo(torch.float64).tiny ** 0.5)
        distance = (1 - products / (length[:, :, None] * length[:, None, :])).clamp(min=0, max=2)
    itself = torch.eye(slots.shape[1], dtype=torch.bool, device=slots.device)
    return distance.masked_fill_(itself | ~(kept[:, :, None] & kept[:, None, :]), torch.inf)
