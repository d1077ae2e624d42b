"""Every cut of every image's dendrogram, scored once: a threshold is then looked up, not measured again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from dias.backbones import Backbone, Tokens
from dias.data.frames import images_of
from dias.data.samples import ImageSource
from dias.data.sources import config_for
from dias.evaluation.agreement import scores_by
from dias.evaluation.protocol import EvaluationConfig, rules_of
from dias.evaluation.results import Metric
from dias.evaluation.views import Reader
from dias.files import write_atomic
from dias.masks.resize import label_map
from dias.models.image import ImageModel
from dias.nn.decoders import Target
from dias.nn.decoders.counted import decode
from dias.nn.slots.aggregation import Aggregated, Aggregation
from dias.nn.slots.dendrogram import Dendrogram, dendrogram
from dias.nn.slots.thresholds import Automatic, Evidence, merges_below, merges_of

MEASURED: tuple[Metric, ...] = ("ari", "ari_foreground", "mbo", "miou")
FIXED = [step / 200 for step in range(201)]  # cosine distances 0 to 1, which the oracle chooses from
_RULES = rules_of("dias", size=224)  # as the scenes were rendered


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """A labelled data set, as the backbone sees it."""

    name: str
    features: Float[Tensor, "b m c"]
    masks: Int64[Tensor, "b h w"]
    grid: tuple[int, int]


def labelled(folder: Path) -> ImageSource:
    """A data set's pictures with their masks."""
    return images_of(config_for(folder, use="evaluate", settings=[]).build())


@torch.no_grad()
def pictures_of(folder: Path, backbone: Backbone) -> Pictures:
    """Read a data set once."""
    reader = Reader(labelled(folder), config=EvaluationConfig(rules=_RULES))
    parts = [(backbone(batch.images), batch.masks) for batch in reader]
    return Pictures(
        name=folder.name,
        features=torch.cat([tokens.features for tokens, _ in parts]),
        masks=torch.cat([masks for _, masks in parts]),
        grid=parts[0][0].grid,
    )


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """Dendrograms of many images, and the scores that each would have after 0 to n - 2 merges."""

    tree: Dendrogram
    evidence: Evidence
    scores: dict[Metric, Float64[Tensor, "b cuts"]]
    taught: float | None

    @property
    def slots(self) -> int:
        """As many as the model has."""
        return self.tree.kept.shape[1]

    def at(self, merges: Int64[Tensor, " b"]) -> dict[str, float]:
        """Mean scores in percent of one cut an image, and how many slots are kept."""
        found: dict[str, float] = {
            metric: 100 * float(values.gather(1, merges[:, None]).nanmean())
            for metric, values in self.scores.items()
        }
        return found | {"kept": self.slots - float(merges.double().mean())}

    def below(self, distance: float) -> Int64[Tensor, " b"]:
        """The cuts of a fixed threshold; an image that would be one cluster keeps its slots."""
        return merges_below(self.tree, distance)

    def by(self, way: Automatic) -> Int64[Tensor, " b"]:
        """The cuts of an automatic threshold."""
        return merges_of(way, self.tree, self.evidence, taught=self.taught)

    @cached_property
    def oracle(self) -> float:
        """The best fixed threshold here, by the mean of ARIfg and mBO."""

        def worth(distance: float) -> float:
            found = self.at(self.below(distance))
            return found["ari_foreground"] + found["mbo"]

        return max(FIXED, key=worth)


@torch.no_grad()
def cuts_of(model: ImageModel, pictures: Pictures, *, batch: int = 32) -> Cuts:
    """Score every cut; what an image's tree and evidence are does not depend on its batch."""
    parts = [_cuts(model, *part) for part in batches(model, pictures, batch=batch)]
    return Cuts(
        tree=Dendrogram(**_joined([part.tree for part in parts])),
        evidence=Evidence(**_joined([part.evidence for part in parts])),
        scores={metric: torch.cat([part.scores[metric] for part in parts]) for metric in MEASURED},
        taught=parts[0].taught,
    )


def kept_cuts(file: Path, make: Callable[[], Cuts]) -> Cuts:
    """The cuts that are in a file, or else made and put there: scoring every cut takes minutes."""
    if file.exists():
        held = torch.load(file, weights_only=True)
        tree, evidence = Dendrogram(**held["tree"]), Evidence(**held["evidence"])
        return Cuts(tree=tree, evidence=evidence, scores=held["scores"], taught=held["taught"])
    cuts = make()
    held = vars(cuts) | {"tree": vars(cuts.tree), "evidence": vars(cuts.evidence)}
    write_atomic(file, lambda opened: torch.save(held, opened))
    return cuts


def batches(
    model: ImageModel, pictures: Pictures, *, batch: int = 32
) -> Iterator[tuple[Tokens, Float[Tensor, "b n d"], Int64[Tensor, "b h w"]]]:
    """Features, queries and true masks; a picture's queries depend on its place alone."""
    for start in range(0, len(pictures.masks), batch):
        features = pictures.features[start : start + batch]
        chances = [torch.Generator().manual_seed(start + place) for place in range(len(features))]
        queries = torch.cat([model.queries(1, generator=chance) for chance in chances])
        masks = pictures.masks[start : start + batch]
        yield Tokens(features=features, grid=pictures.grid), queries, masks


def _cuts(
    model: ImageModel, seen: Tokens, queries: Float[Tensor, "b n d"], masks: Int64[Tensor, "b h w"]
) -> Cuts:
    aggregation = model.aggregation
    assert isinstance(aggregation, Aggregation)
    target = model.reduce_features(seen.features)
    tokens = model.projection(target)
    before = without_reduction(model)(tokens, queries)
    tree = dendrogram(before.slots)
    keys, _ = aggregation.competition.keys_values(tokens)
    found: dict[Metric, list[Tensor]] = {metric: [] for metric in MEASURED}
    for merges in range(max(queries.shape[1] - 1, 1)):
        labels = tree.after(torch.full((len(masks),), merges))
        after = aggregation(tokens, queries, labels=labels)
        for metric, values in _scores(model, after, target, seen.grid, masks).items():
            found[metric].append(values)
    return Cuts(
        tree=tree,
        evidence=Evidence(attention=before.logits[-1].softmax(dim=1), tokens=keys),
        scores={metric: torch.stack(values, dim=1) for metric, values in found.items()},
        taught=aggregation.taught,
    )


def without_reduction(model: ImageModel) -> Aggregation:
    """The rounds before the reduction alone."""
    twin = model.with_threshold(0.0).aggregation
    assert isinstance(twin, Aggregation)
    own = twin.config
    rounds = (own.reduce_after or own.iterations - 1) if own.reinitialization else own.iterations
    twin.config = replace(own, iterations=rounds, reduction=False, reinitialization=False)
    return twin


def _scores(
    model: ImageModel,
    found: Aggregated,
    target: Float[Tensor, "b m c"],
    grid: tuple[int, int],
    masks: Int64[Tensor, "b h w"],
) -> dict[Metric, Float64[Tensor, " b"]]:
    decoded = decode(model.decoder, found.slots, found.kept, Target(tokens=target), stand_in=found.stand_in)
    assert decoded.attention is not None
    return scores_of(decoded.attention, found.kept, grid, masks)


def scores_of(
    maps: Float[Tensor, "b n m"],
    kept: Bool[Tensor, "b n"],
    grid: tuple[int, int],
    masks: Int64[Tensor, "b h w"],
) -> dict[Metric, Float64[Tensor, " b"]]:
    """Scores of each picture's masks, by the paper's rules at the scenes' own size."""
    labels = label_map(maps, grid=grid, size=(_RULES.size, _RULES.size), kept=kept)
    scores = scores_by(_RULES, labels, masks, valid=None)
    return {metric: getattr(scores, metric) for metric in MEASURED}


def _joined(parts: Sequence[Dendrogram | Evidence]) -> dict[str, Tensor]:
    return {name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])}
