"""Scores as they come in, batch after batch."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from dias.backbones import Tokens
from dias.evaluation.agreement import class_overlap_by, scores_by
from dias.evaluation.clustering import METHODS, cluster_maps, oracle_maps
from dias.evaluation.passes import backbone_of, both_passes
from dias.evaluation.protocol import ClusteringConfig, EvaluationConfig
from dias.evaluation.results import METRICS, Evaluation, Metric, Row
from dias.evaluation.views import Reader, SeenImages
from dias.files import sha256
from dias.masks.resize import label_map
from dias.models.image import ImageModel
from dias.provenance import record


@dataclass
class RowScores:
    """Scores as they come in, batch after batch, by variant and map."""

    parts: dict[tuple[str, str], dict[Metric, list[Tensor]]] = field(default_factory=dict)
    segments: dict[tuple[str, str], list[Tensor]] = field(default_factory=dict)

    def add(
        self,
        variant: str,
        maps: Float[Tensor, "b n m"],
        kept: Bool[Tensor, "b n"],
        batch: SeenImages,
        *,
        map: str,
        grid: tuple[int, int],
        config: EvaluationConfig,
    ) -> None:
        """Turn maps into masks and score them."""
        rules = config.rules
        labels = label_map(maps, grid=grid, size=(rules.size, rules.size), kept=kept)
        masks = batch.masks.to(labels.device)
        valid, classes = (
            None if one is None else one.to(labels.device) for one in (batch.valid, batch.classes)
        )
        scores = scores_by(rules, labels, masks, valid=valid)
        found = {
            "ari": scores.ari,
            "ari_foreground": scores.ari_foreground,
            "mbo": scores.mbo,
            "mbo_class": class_overlap_by(rules, labels, classes, valid=valid),
            "miou": scores.miou,
        }
        place = self.parts.setdefault((variant, map), {metric: [] for metric in METRICS})
        for metric in METRICS:
            place[metric].append(found[metric].cpu())
        self.segments.setdefault((variant, map), []).append(kept.sum(dim=1).cpu())

    def finished(self) -> tuple[Row, ...]:
        """All batches together."""
        return tuple(
            Row(
                variant=variant,
                map=map,
                segments=torch.cat(self.segments[variant, map]).numpy(),
                **{metric: torch.cat(found).numpy() for metric, found in parts.items()},
            )
            for (variant, map), parts in self.parts.items()
        )


@dataclass
class ModelScores:
    """What is known of one model so far."""

    model: ImageModel
    checkpoint: Path | None
    rows: RowScores = field(default_factory=RowScores)
    kept: list[Int64[Tensor, " b"]] = field(default_factory=list)

    def add(self, tokens: Tokens, batch: SeenImages, *, config: EvaluationConfig) -> None:
        """Two passes over the same features from the same queries: without reduction, and with."""
        plain, final = both_passes(self.model, tokens, indices=batch.indices, seed=config.seed)
        for variant, output, attention in (
            ("first iteration", plain, plain.attention[0]),
            ("last without reduction", plain, plain.attention[-1]),
            ("final", final, final.attention[-1]),
        ):
            # the decoder has seen the last slots only
            decoder = None if variant == "first iteration" else output.decoder_attention
            for map, maps in (("aggregation", attention), ("decoder", decoder)):
                if maps is not None and map in config.maps:
                    self.rows.add(variant, maps, output.mask, batch, map=map, grid=tokens.grid, config=config)
        self.kept.append(final.mask.sum(dim=1).cpu())

    def finished(self, reader: Reader, *, config: EvaluationConfig, data: str) -> Evaluation:
        """Everything together, with where it came from."""
        file, weights = self.checkpoint, backbone_of(self.model).weights
        hashes = {"backbone": weights.sha256, "data": data}
        if file is not None:
            hashes["checkpoint"] = sha256(file)
        segments, objects = (np.array(counts, dtype=np.int64) for counts in (reader.segments, reader.objects))
        return Evaluation(
            checkpoint=str(file or "model"),
            config=config,
            names=tuple(reader.names),
            rows=self.rows.finished(),
            slots_kept=torch.cat(self.kept).numpy(),
            true_segments=segments,
            true_objects=objects,
            skipped=tuple(reader.skipped),
            provenance=record(**hashes).to_dict() | {"backbone": f"{weights.name} from {weights.source}"},
        )


def add_clustering(
    rows: RowScores,
    tokens: Tokens,
    batch: SeenImages,
    *,
    config: EvaluationConfig,
    clustering: ClusteringConfig,
) -> None:
    """Score a batch's clusters, with the true number and without, and the ground truth on the grid."""
    for name, method in METHODS.items():
        for number, counts in (("true", batch.segments), ("automatic", None)):
            maps, exists = cluster_maps(tokens.features, counts, method=method, config=clustering)
            variant = f"{name}, {number} number"
            rows.add(variant, maps, exists, batch, map="features", grid=tokens.grid, config=config)
    maps, exists = oracle_maps(batch.masks, grid=tokens.grid)
    rows.add("oracle", maps, exists, batch, map="true masks", grid=tokens.grid, config=config)
