"""Measure models on labelled images: every variant of every model in one pass over the data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from dias.backbones import Backbone, Tokens
from dias.checkpoints import describe, find
from dias.data.samples import ImageSource, known_by
from dias.evaluation.clustering import require_sklearn
from dias.evaluation.passes import backbone_of, device_of
from dias.evaluation.protocol import ClusteringConfig, EvaluationConfig
from dias.evaluation.results import Evaluation, Results, Row
from dias.evaluation.scoring import ModelScores, RowScores, add_clustering
from dias.evaluation.views import Reader, SeenImages
from dias.inference.shortcuts import load
from dias.models.image import ImageModel
from dias.progress import ProgressLine


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model to measure, and the checkpoint file it came from."""

    model: ImageModel
    checkpoint: Path | None = None

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Fingerprints of what it was trained on; none where its checkpoint does not tell."""
        notes = None if self.checkpoint is None else describe(self.checkpoint)["notes"]
        told = notes.get("data") if isinstance(notes, dict) else None
        return tuple(str(one) for one in told) if isinstance(told, list) else ()


def candidate(path: Path, *, weights: str | None = None, device: str = "auto") -> Candidate:
    """Load a checkpoint (a file, or a run's folder) to measure it.

    Args:
        path: as `dias.load` takes it.
        weights: local path of the backbone's weights.
        device: auto takes a GPU when there is one.

    Raises:
        DiasError: as `dias.load`.
    """
    return Candidate(model=load(path, weights=weights, device=device), checkpoint=find(path))


def seen_in_training(candidates: Sequence[Candidate], source: ImageSource) -> tuple[Path, ...]:
    """Checkpoints that were trained on the very pictures, loose or packed, that are to be measured."""
    pictures = set(known_by(source))
    return tuple(
        one.checkpoint for one in candidates if one.checkpoint is not None and pictures & set(one.trained_on)
    )


def evaluate(
    model: ImageModel,
    source: ImageSource,
    *,
    config: EvaluationConfig | None = None,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> Evaluation:
    """Measure one model, on the device that it is on.

    Args:
        model: with its backbone.
        source: images with masks.
        config: the protocol; its defaults when None.
        checkpoint: file the model was loaded from; its hash goes into the result.
        progress: show a bar on stderr.

    Raises:
        DiasError: the data has no masks, or the model no backbone.
        SampleError: an image cannot be read and `config.bad_images` is "stop".
    """
    only = Candidate(model=model, checkpoint=checkpoint)
    return evaluate_all([only], source, config=config, progress=progress).evaluations[0]


def evaluate_clustering(
    backbone: Backbone,
    source: ImageSource,
    *,
    config: EvaluationConfig | None = None,
    clustering: ClusteringConfig | None = None,
    progress: bool = True,
) -> tuple[Row, ...]:
    """Measure k-means, spectral and agglomerative clustering of the features, and the token grid's oracle.

    Each once with the true number of segments, background included, of every image, and once with a number
    that it chooses itself.

    Raises:
        DiasError: as `evaluate`; or scikit-learn is not installed.
    """
    require_sklearn()
    config, rows = config or EvaluationConfig(), RowScores()
    reader = Reader(source, config=config)
    for batch in _shown(reader, progress=progress):
        tokens = backbone(batch.images.to(device_of(backbone)))
        add_clustering(rows, tokens, batch, config=config, clustering=clustering or ClusteringConfig())
    return rows.finished()


@torch.no_grad()
def evaluate_all(
    candidates: Sequence[Candidate],
    source: ImageSource,
    *,
    config: EvaluationConfig | None = None,
    clustering: ClusteringConfig | None = None,
    progress: bool = True,
) -> Results:
    """Measure several models in one pass; those with the same backbone share its features.

    Args:
        candidates: at least one.
        source: images with masks.
        config: the protocol; its defaults when None.
        clustering: also measure the rows that need no training, on the first candidate's features.
        progress: show a bar on stderr.

    Raises:
        DiasError: as `evaluate` and `evaluate_clustering`.
    """
    if clustering is not None:
        require_sklearn()
    config = config or EvaluationConfig()
    measured = [ModelScores(_prepared(candidate, config), candidate.checkpoint) for candidate in candidates]
    baselines, reader = RowScores(), Reader(source, config=config)
    for batch in _shown(reader, progress=progress):
        seen: dict[str, Tokens] = {}
        for one in measured:
            backbone = backbone_of(one.model)
            tuned = one.model.config.tuned_blocks  # which also need what those blocks are given
            key = f"{backbone.weights.sha256} {backbone.config} {device_of(backbone)} {tuned}"
            if key not in seen:
                seen[key] = one.model.see(batch.images.to(device_of(backbone)))
            one.add(seen[key], batch, config=config)
        if clustering is not None:
            add_clustering(baselines, next(iter(seen.values())), batch, config=config, clustering=clustering)
    data = source.fingerprint()
    return Results(
        evaluations=tuple(one.finished(reader, config=config, data=data) for one in measured),
        baselines=baselines.finished() if clustering is not None else (),
    )


def _prepared(candidate: Candidate, config: EvaluationConfig) -> ImageModel:
    model = candidate.model.eval()
    backbone_of(model)
    return model if config.threshold is None else model.with_threshold(config.threshold)


def _shown(reader: Reader, *, progress: bool) -> Iterator[SeenImages]:
    with ProgressLine("evaluate", total=reader.batches, shown=progress) as line:
        for batch in reader:
            yield batch
            line.step()
