"""Trained methods measured: scores, speed and pictures; what is there already is not measured again."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dias.backbones.frozen import FrozenBackbone
from dias.comparison.kept import (
    are_of,
    device_for,
    hashes_of,
    keep,
    kept_rate,
    key_of,
    median_rate,
    read_kept,
)
from dias.comparison.plan import Plan, Run
from dias.config import to_dict
from dias.data.samples import ImageSource
from dias.errors import DiasError
from dias.evaluation import (
    ClusteringConfig,
    Evaluation,
    EvaluationConfig,
    Results,
    Row,
    candidate,
    evaluate_all,
    evaluate_clustering,
)
from dias.evaluation.passes import backbone_of, device_of
from dias.evaluation.pictures import stages
from dias.evaluation.views import Reader
from dias.files import write_atomic
from dias.inference.shortcuts import device_called
from dias.masks.resize import label_map
from dias.models.image import ImageModel

_AT_ONCE = 8  # images whose segmentation is timed together


def evaluations(plan: Plan, runs: Sequence[Run], folder: Path) -> tuple[Evaluation, ...]:
    """Scores of a method's runs, in one pass over the images; kept in `folder`/evaluation.json.

    Raises:
        DiasError: as `dias eval`.
    """
    file = folder / "evaluation.json"
    wanted = [hashes_of(run, plan.source) for run in runs]
    with suppress(DiasError):
        known = Results.load(file).evaluations
        as_asked = all(to_dict(one.config) == to_dict(plan.wish.evaluation) for one in known)
        if as_asked and are_of([one.provenance for one in known], wanted):
            return known
    candidates = [candidate(run.folder, device=device_for(plan)) for run in runs]
    found = evaluate_all(candidates, plan.source, config=plan.wish.evaluation)
    found.save(file)
    return found.evaluations


def training_free(plan: Plan) -> tuple[Row, ...]:
    """Clusters of the features and the oracle, in `folder`/training-free.json.

    The features are those of the first method with a ViT.

    Raises:
        DiasError: no method has one; or scikit-learn is not installed.
    """
    clustering, file = ClusteringConfig(), plan.wish.folder / "training-free.json"
    backbone = _vit(plan)
    key = {
        "backbone": f"{backbone.weights.sha256} {backbone.config}",
        "data": plan.source.fingerprint(),
        "rules": to_dict(plan.wish.evaluation),
        "clustering": to_dict(clustering),
    }
    beside = file.with_name("training-free-origin.json")
    if read_kept(beside, key) is not None:
        with suppress(DiasError):
            return Results.load(file).baselines
    rows = evaluate_clustering(backbone, plan.source, config=plan.wish.evaluation, clustering=clustering)
    Results(evaluations=(), baselines=rows).save(file)
    keep(beside, key)
    return rows


def images_per_second(plan: Plan, run: Run, evaluation: Evaluation, folder: Path) -> float:
    """How many pictures a run's model segments; kept in `folder`/segmenting.json.

    Pictures in memory go in, label maps of the protocol's size come out: features, slots, and the decoder
    where its attention gives the masks.
    """

    def measure() -> float:
        model = candidate(run.folder, device=device_for(plan)).model
        decode = evaluation.best_map.map == "decoder"
        return _rate(model, plan.source, plan.wish.evaluation, decode=decode)

    return kept_rate(plan, run, folder / "segmenting.json", name="images_per_second", measure=measure)


def draw(plan: Plan, run: Run, indices: Sequence[int], folder: Path) -> None:
    """Draw a run's final masks of some images: `folder`/pictures/NUMBER.png."""
    made = folder / "pictures" / "origin.json"
    key = key_of(plan, run) | {"indices": list(indices)}
    if read_kept(made, key) is not None:
        return
    model = candidate(run.folder, device=device_for(plan)).model
    for index in indices:
        final = stages(model, plan.source, index, config=plan.wish.evaluation)[-1]
        _save(final, drawn(folder, index))
    keep(made, key)


def drawn(folder: Path, index: int) -> Path:
    """The file that `draw` writes for an image."""
    return folder / "pictures" / f"{index:06d}.png"


def spread_out(evaluation: Evaluation, source: ImageSource, count: int) -> list[int]:
    """Places of `count` measured images, evenly spread."""
    places = {source.name(index): index for index in range(len(source))}
    names = evaluation.names
    chosen = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [places[names[place]] for place in chosen.tolist()]


@torch.no_grad()
def _rate(model: ImageModel, source: ImageSource, config: EvaluationConfig, *, decode: bool) -> float:
    device = device_of(backbone_of(model))
    reader = Reader(source, config=replace(config, batch=min(_AT_ONCE, config.batch)))
    images = next(iter(reader)).images.to(device)
    size = (config.rules.size, config.rules.size)
    generator = torch.Generator().manual_seed(config.seed)

    def once() -> None:
        seen = model.see(images)
        output = model.from_tokens(seen, decode=decode, generator=generator)
        maps = output.decoder_attention if decode else None
        label_map(
            maps if maps is not None else output.attention[-1], grid=seen.grid, size=size, kept=output.mask
        )

    model.eval()
    return median_rate(once, count=len(images), device=device)


def _vit(plan: Plan) -> FrozenBackbone:
    for method in plan.methods:
        backbone = method.runs[0].recipe.model.backbone.build()
        if isinstance(backbone, FrozenBackbone):
            return backbone.to(device_called(device_for(plan)))
    raise DiasError("--clustering: no method has a ViT whose features could be clustered; leave it out")


def _save(picture: np.ndarray, file: Path) -> None:
    write_atomic(file, lambda stream: Image.fromarray(picture).save(stream, format="PNG"))
