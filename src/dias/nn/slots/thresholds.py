"""Where an image's dendrogram is cut: at a fixed distance, or at one that the image itself tells."""

from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import BeforeValidator, Field, PositiveFloat, Tag
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT, by_kind
from dias.nn.slots.cuts import explained, explained_by_slots, gaps, removal_errors, silhouettes
from dias.nn.slots.dendrogram import Dendrogram

_TINY = 1e-6


@plain_dataclass(frozen=True, kw_only=True)
class Evidence:
    """What an image says about its slots, beside their distances.

    Attributes:
        attention: of the last round; sums to 1 over the slots that are kept.
        tokens: what they compete for: the keys.
    """

    attention: Float[Tensor, "b n m"]
    tokens: Float[Tensor, "b m c"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LargestGap:
    """Cut where the next merge reaches farthest beyond the last one, on a logarithmic scale.

    Attributes:
        floor: cosine distance that is as good as none: below it, ratios of heights mean nothing.
    """

    kind: Literal["gap"] = "gap"
    floor: PositiveFloat = 0.1

    def merges(self, tree: Dendrogram, evidence: Evidence) -> Int64[Tensor, " b"]:
        """How many merges each image gets; at least two clusters are left."""
        return gaps(tree, floor=self.floor).argmax(dim=1) if tree.heights.shape[1] else _none(tree)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BestSilhouette:
    """The cut whose mean silhouette over slots is highest (Rousseeuw 1987); no merge if none is above 0."""

    kind: Literal["silhouette"] = "silhouette"

    def merges(self, tree: Dendrogram, evidence: Evidence) -> Int64[Tensor, " b"]:
        """How many merges each image gets; at least two clusters are left."""
        mean = silhouettes(tree).mean(dim=2)  # slots that are not kept are the same in all cuts
        return mean.masked_fill(~_allowed(tree), -torch.inf).argmax(dim=1)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FirmClusters:
    """The most merges that leave every merged slot firmly in its cluster: its silhouette is `least` or more.

    So a cluster is as wide as its surroundings allow: members are 1 / (1 - least) times nearer to one another
    than to the next cluster. Kaufman and Rousseeuw (1990) call clusters strong above 0.7.

    Attributes:
        least: silhouette (-1 to 1).
    """

    kind: Literal["firm"] = "firm"
    least: Annotated[float, Field(ge=-1, le=1)] = 0.7

    def merges(self, tree: Dendrogram, evidence: Evidence) -> Int64[Tensor, " b"]:
        """How many merges each image gets; at least two clusters are left."""
        found = silhouettes(tree)
        firm = ((found >= self.least) | ~_merged(tree)).all(dim=2) & _allowed(tree)
        return _last(firm)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ExplainedVariance:
    """Merge while the tokens stay explained: the attention-weighted error of clusters' means hardly rises.

    Attributes:
        loss: share of what all slots explain that a merge may cost.
    """

    kind: Literal["explained"] = "explained"
    loss: Annotated[float, Field(gt=0, lt=1)] = 0.01

    def merges(self, tree: Dendrogram, evidence: Evidence) -> Int64[Tensor, " b"]:
        """How many merges each image gets; at least two clusters are left."""
        share = explained(tree, evidence.attention, evidence.tokens)
        cheap = (share[:, :-1] - share[:, 1:]) < self.loss * share[:, :1]
        return _first(cheap & _allowed(tree)[:, 1:])


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RemovalError:
    """Merge while the tokens of the cluster that is removed are hardly worse explained by the other one.

    What little is depends on the slots. To say which of n a token belongs to takes ln n nats; what that tells
    of the token is -ln(1 - s) nats, s the share of the tokens' variance that slots explain. The limit is the
    product of both and `rise`. Slots whose merges would all cost less are left as they are, and so are those
    of early training, which all see the same.

    Attributes:
        rise: of a token's squared error, as a share of the tokens' variance, for a nat of each.
    """

    kind: Literal["removal"] = "removal"
    rise: PositiveFloat = 0.046

    def merges(self, tree: Dendrogram, evidence: Evidence) -> Int64[Tensor, " b"]:
        """How many merges each image gets; at least two clusters are left."""
        errors = removal_errors(tree, evidence.attention, evidence.tokens)
        share = explained_by_slots(evidence.attention, evidence.tokens)[:, None].clamp(max=1 - _TINY)
        nats = tree.kept.sum(dim=1, keepdim=True).clamp(min=1).log() * -torch.log1p(-share)
        return merges_while((errors < self.rise * nats) & (share > _TINY), tree)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ClusterCount:
    """As many clusters as are asked for, in every image; all slots where there are no more than that.

    Attributes:
        clusters: 2 or more.
    """

    kind: Literal["count"] = "count"
    clusters: Annotated[int, Field(ge=2)]

    def merges(self, tree: Dendrogram, evidence: Evidence) -> Int64[Tensor, " b"]:
        """How many merges each image gets."""
        return (tree.kept.sum(dim=1) - self.clusters).clamp(min=0)


Automatic = LargestGap | BestSilhouette | FirmClusters | ExplainedVariance | RemovalError
AUTOMATIC = RemovalError()  # "auto": the one that held up best (docs/threshold.md)


def merges_of(
    threshold: Automatic | ClusterCount, tree: Dendrogram, evidence: Evidence, *, taught: float | None
) -> Int64[Tensor, " b"]:
    """How many merges each image gets.

    Args:
        threshold: decides; an automatic one no fewer than `taught` does.
        tree: of the slots.
        evidence: what else is known.
        taught: distance below which a model was taught that slots are one; None: it was not.
    """
    found = threshold.merges(tree, evidence)
    if taught is None or isinstance(threshold, ClusterCount):
        return found
    return torch.maximum(found, merges_below(tree, taught))


def merges_below(tree: Dendrogram, distance: float) -> Int64[Tensor, " b"]:
    """Those of a fixed distance; an image that would be one cluster keeps its slots."""
    return merges_while(tree.heights < distance, tree)


def merges_while(wanted: Bool[Tensor, "b merges"], tree: Dendrogram) -> Int64[Tensor, " b"]:
    """Those before the first that is not wanted; an image that would be one cluster keeps its slots."""
    found = _first(wanted)
    return found.masked_fill(found > tree.kept.sum(dim=1) - 2, 0)


def _of_word(value: object) -> object:
    """Settings of a threshold that is told by a word: its kind, or `auto`."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return AUTOMATIC if value == "auto" else {"kind": value}


Threshold = Annotated[
    Annotated[float, Field(ge=0, le=2), Tag("fixed")]
    | Annotated[LargestGap, Tag("gap")]
    | Annotated[BestSilhouette, Tag("silhouette")]
    | Annotated[FirmClusters, Tag("firm")]
    | Annotated[ExplainedVariance, Tag("explained")]
    | Annotated[RemovalError, Tag("removal")]
    | Annotated[ClusterCount, Tag("count")],
    by_kind("fixed"),
    BeforeValidator(_of_word),
]


def _allowed(tree: Dendrogram) -> Bool[Tensor, "b n"]:
    """Numbers of merges (0 to n - 1) that leave two clusters; none is always allowed."""
    done = torch.arange(tree.kept.shape[1], device=tree.kept.device)
    return done <= (tree.kept.sum(dim=1, keepdim=True) - 2).clamp(min=0)


def _merged(tree: Dendrogram) -> Bool[Tensor, "b n n"]:
    """Slots that share their cluster, after 0 to n - 1 merges."""
    size = torch.zeros_like(tree.roots).scatter_add(2, tree.roots, torch.ones_like(tree.roots))
    return size.gather(2, tree.roots) > 1


def _first(wanted: Bool[Tensor, "b merges"]) -> Int64[Tensor, " b"]:
    """How many merges are wanted before the first that is not; `cumprod` would not export to ONNX."""
    return ((~wanted).cumsum(dim=1) == 0).sum(dim=1)


def _last(wanted: Bool[Tensor, "b n"]) -> Int64[Tensor, " b"]:
    return torch.where(wanted, torch.arange(wanted.shape[1], device=wanted.device), 0).amax(dim=1)


def _none(tree: Dendrogram) -> Int64[Tensor, " b"]:
    return torch.zeros(tree.kept.shape[0], dtype=torch.int64, device=tree.kept.device)
