"""What tells a good cut of a dendrogram: gaps, silhouettes, explained variance; of all cuts at once."""

import torch
import torch.nn.functional as F
from einops import einsum
from jaxtyping import Float, Float64
from torch import Tensor

from dias.nn.slots.dendrogram import Dendrogram


@torch.no_grad()
def gaps(tree: Dendrogram, *, floor: float) -> Float64[Tensor, "b merges"]:
    """How much farther than the last merge the next one would reach, after 0 to n - 2 merges.

    Args:
        tree: of each image.
        floor: distance (above 0) that counts as nothing; gaps are those of log(floor + height), and the
            height before the first merge is 0.

    Returns:
        0 or more; minus infinity where fewer than two clusters would be left.
    """
    start = tree.heights.new_zeros(len(tree.heights), 1)
    steps = (torch.cat([start, tree.heights], dim=1) + floor).log()
    return (steps[:, 1:] - steps[:, :-1]).masked_fill(~tree.heights.isfinite(), -torch.inf)


@torch.no_grad()
def silhouettes(tree: Dendrogram) -> Float64[Tensor, "b n n"]:
    """Silhouette (-1 to 1) of each slot after 0 to n - 1 merges (Rousseeuw 1987), by cosine distance.

    Equal to sklearn.metrics.silhouette_samples(metric="precomputed"): 0 for a slot that is alone in its
    cluster; here also for one that is not kept, and where only one cluster is left.
    """
    n = tree.kept.shape[1]
    distance = tree.distance.masked_fill(tree.distance.isinf(), 0.0)
    member = F.one_hot(tree.roots, n).double() * tree.kept[:, None, :, None]
    size = member.sum(dim=2)
    total = einsum(distance, member, "b i j, b t j k -> b t i k")
    own = size.gather(2, tree.roots)
    within = total.gather(3, tree.roots[..., None])[..., 0] / (own - 1).clamp(min=1)
    others = (total / size[:, :, None]).masked_fill(size[:, :, None] == 0, torch.inf)
    outside = others.scatter(3, tree.roots[..., None], torch.inf).amin(dim=3)
    there = (own > 1) & outside.isfinite() & tree.kept[:, None]
    wider = torch.maximum(outside, within).clamp(min=torch.finfo(torch.float64).tiny)
    return torch.where(there, (outside - within) / wider, 0.0)


@torch.no_grad()
def explained(
    tree: Dendrogram, attention: Float[Tensor, "b n m"], tokens: Float[Tensor, "b m c"]
) -> Float[Tensor, "b n"]:
    """Share of the tokens' variance (0 to 1) that clusters explain after 0 to n - 1 merges; it never rises.

    Each cluster predicts its tokens' mean, weighted by the attention of its slots together; what is left is
    the attention-weighted squared error. One cluster alone explains nothing.

    Args:
        tree: of each image.
        attention: how slots share tokens; each token's column sums to 1 over the slots that are kept.
        tokens: of any kind; only differences between them count.
    """
    with torch.autocast(tokens.device.type, enabled=False):
        centred = tokens.float() - tokens.float().mean(dim=1, keepdim=True)
        mass = attention.float().sum(dim=2)
        sums = attention.float() @ centred
        member = F.one_hot(tree.roots, tree.kept.shape[1]).float()
        masses = einsum(member, mass, "b t n k, b n -> b t k")
        means = einsum(member, sums, "b t n k, b n c -> b t k c")  # times the clusters' masses
        between = (means.square().sum(dim=3) / masses.clamp(min=1e-6)).sum(dim=2)
        return between / centred.square().sum(dim=(1, 2)).clamp(min=1e-12)[:, None]
