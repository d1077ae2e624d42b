"""What tells a good cut of a dendrogram: gaps, silhouettes, explained variance; of all cuts at once."""

import torch
import torch.nn.functional as F
from einops import einsum
from jaxtyping import Float, Float64
from torch import Tensor

from dias.nn.slots.dendrogram import Dendrogram

_TINY = 1e-6


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
    start = tree.heights.new_zeros(tree.heights.shape[0], 1)
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
        mass, sums, variance = _moments(attention, tokens)
        member = F.one_hot(tree.roots, tree.kept.shape[1]).float()
        masses = einsum(member, mass, "b t n k, b n -> b t k")
        totals = einsum(member, sums, "b t n k, b n c -> b t k c")
        return _share(masses, totals, variance[:, None], tokens=tokens.shape[1])


@torch.no_grad()
def explained_by_slots(
    attention: Float[Tensor, "b n m"], tokens: Float[Tensor, "b m c"]
) -> Float[Tensor, " b"]:
    """As `explained`, of slots before any merge."""
    with torch.autocast(tokens.device.type, enabled=False):
        mass, sums, variance = _moments(attention, tokens)
        return _share(mass, sums, variance, tokens=tokens.shape[1])


@torch.no_grad()
def removal_errors(
    tree: Dendrogram, attention: Float[Tensor, "b n m"], tokens: Float[Tensor, "b m c"]
) -> Float[Tensor, "b merges"]:
    """What each of n - 1 merges costs a token of the cluster that goes, as a share of the tokens' variance.

    Left to the mean of the cluster that its own merges with, a token has a squared error that is higher by
    the squared distance of both means, on average. Unlike `explained` this does not count tokens: a small
    object is worth as much as a large one.

    Args:
        tree: of each image.
        attention: as `explained` takes it.
        tokens: likewise.

    Returns:
        0 or more; infinite where no clusters are left to merge.
    """
    before, after = tree.roots[:, :-1], tree.roots[:, 1:]
    gone = before != after  # members of the cluster that joins the other one
    stays = before == torch.where(gone, after, 0).amax(dim=2, keepdim=True)
    with torch.autocast(tokens.device.type, enabled=False):
        mass, sums, variance = _moments(attention, tokens)
        of_gone, of_other = (
            (one.float() @ sums) / (one.float() @ mass[..., None]).clamp(min=_TINY) for one in (gone, stays)
        )
        error = (of_gone - of_other).square().sum(dim=2) / variance[:, None]
    return error.masked_fill(~tree.heights.isfinite(), torch.inf)


def _share(
    masses: Float[Tensor, "*b k"],
    totals: Float[Tensor, "*b k c"],
    variance: Float[Tensor, "*#b"],
    *,
    tokens: int,
) -> Float[Tensor, "*b"]:
    """Of the tokens' variance, what k clusters explain, by their masses and sums of centred tokens."""
    between = (totals.square().sum(dim=-1) / masses.clamp(min=_TINY)).sum(dim=-1)
    return between / (variance * tokens)


def _moments(
    attention: Float[Tensor, "b n m"], tokens: Float[Tensor, "b m c"]
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n c"], Float[Tensor, " b"]]:
    """Each slot's mass and sum of tokens, both by attention, and the variance of a token; around the mean."""
    centred = tokens.float() - tokens.float().mean(dim=1, keepdim=True)
    variance = centred.square().sum(dim=2).mean(dim=1).clamp(min=_TINY)
    return attention.float().sum(dim=2), attention.float() @ centred, variance
