"""One image looked at closely: masks by stages, attention of every round, the tree of its slots."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from dias.backbones import Tokens
from dias.data.samples import ImageSource
from dias.data.transforms import as_tensor, centre_view, look
from dias.evaluation.passes import backbone_of, device_of, final_pass, queries_of
from dias.evaluation.pictures import stages
from dias.evaluation.protocol import EvaluationConfig
from dias.models.image import ImageModel
from dias.nn.slots.aggregation import Aggregation
from dias.nn.slots.dendrogram import Dendrogram, dendrogram


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """How one image's slots merge.

    Attributes:
        merges: which cluster (named by its first slot) took which, at what cosine distance, in order.
        slots: how many there are.
        cut: number of merges that were made.
        threshold: distance that decided it; None where it was an automatic one.
    """

    merges: tuple[tuple[int, int, float], ...]
    slots: int
    cut: int
    threshold: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Closely:
    """What there is to see of one image.

    Attributes:
        name: of the image.
        panels: image, ground truth, first iteration, last without reduction, final.
        attention: of each round, on the token grid; rows of slots that are merged by then are 0.
        kept: slots that are left.
        tree: None for a kind of aggregation that does not merge by distance.
    """

    name: str
    panels: tuple[UInt8[np.ndarray, "h w 3"], ...]
    attention: tuple[Float[np.ndarray, "n rows columns"], ...]
    kept: Bool[np.ndarray, " n"]
    tree: Tree | None


@torch.no_grad()
def look_closely(model: ImageModel, source: ImageSource, index: int, *, config: EvaluationConfig) -> Closely:
    """Look at an image as it was measured.

    Args:
        model: with its backbone, and under the threshold that it was measured with.
        source: the data.
        index: place of the image in it.
        config: of the evaluation.
    """
    whole = source[index]
    view = config.rules.view or config.rules.size
    shown = look(whole, centre_view(*whole.image.shape[:2], size=view))
    seen = model.see(as_tensor(shown.image)[None].to(device_of(backbone_of(model))))
    found = final_pass(model, seen, indices=[index], seed=config.seed)
    rows, columns = seen.grid
    return Closely(
        name=source.name(index),
        panels=tuple(stages(model, source, index, config=config)),
        attention=tuple(maps[0].reshape(-1, rows, columns).float().cpu().numpy() for maps in found.attention),
        kept=found.mask[0].cpu().numpy(),
        tree=_tree(model, seen, index, kept=int(found.mask.sum()), seed=config.seed),
    )


def _tree(model: ImageModel, seen: Tokens, index: int, *, kept: int, seed: int) -> Tree | None:
    aggregation = model.aggregation
    if not isinstance(aggregation, Aggregation) or not aggregation.config.reduction:
        return None
    slots = _before_merge(model, aggregation, seen, queries_of(model, seen, indices=[index], seed=seed))
    count, threshold = slots.shape[1], aggregation.config.threshold
    return Tree(
        merges=_merges(dendrogram(slots)),
        slots=count,
        cut=count - kept,
        threshold=threshold if isinstance(threshold, float) else None,
    )


def _before_merge(
    model: ImageModel, aggregation: Aggregation, seen: Tokens, queries: Float[Tensor, "1 n d"]
) -> Float[Tensor, "1 n d"]:
    """The slots that the reduction was given: the same rounds, and nothing after them."""
    config: Any = aggregation.config
    rounds = config.reduce_after or config.iterations - 1 if config.reinitialization else config.iterations
    plain = replace(
        config, iterations=rounds, reduce_after=None, reduction=False, reinitialization=False, bilevel=False
    )
    _, tokens = model.project(seen)
    _, start = model.start(tokens, queries, generator=None, progress=1.0)
    twin = Aggregation(plain, token_dim=tokens.shape[2])
    twin.competition = aggregation.competition
    slots: Float[Tensor, "1 n d"] = twin.eval()(tokens, start).slots
    return slots


def _merges(tree: Dendrogram) -> tuple[tuple[int, int, float], ...]:
    found = []
    for step, height in enumerate(tree.heights[0].tolist()):
        before, after = tree.roots[0, step], tree.roots[0, step + 1]
        moved = torch.nonzero(before != after)[:, 0]
        if len(moved):
            found.append((int(after[moved[0]]), int(before[moved[0]]), height))
    return tuple(found)
