"""One image looked at closely: masks by stages, attention of every round, the tree of its slots."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from dias.backbones import Tokens
from dias.data.samples import ImageSource
from dias.data.transforms import as_tensor, centre_view, look
from dias.evaluation.passes import backbone_of, device_of, final_pass, queries_of
from dias.evaluation.pictures import stages
from dias.evaluation.protocol import EvaluationConfig
from dias.models.image import ImageModel
from dias.models.unmerged import merges_by_distance, unmerged
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.dendrogram import dendrogram


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
    if not merges_by_distance(model):
        return None
    queries = queries_of(model, seen, indices=[index], seed=seed)
    slots = unmerged(model).from_tokens(seen, queries, decode=False).slots
    count, config = slots.shape[1], model.config.aggregation
    return Tree(
        merges=dendrogram(slots).steps(0),
        slots=count,
        cut=count - kept,
        threshold=config.distance if isinstance(config, AggregationConfig) else None,
    )
