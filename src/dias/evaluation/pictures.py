"""Pictures of an evaluation: image, ground truth, and the masks of each stage, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32, UInt8
from PIL import Image
from torch import Tensor

from dias.data.samples import ImageSample, ImageSource
from dias.data.transforms import as_tensor, centre_view, look
from dias.errors import DiasError
from dias.evaluation.passes import backbone_of, both_passes, device_of
from dias.evaluation.protocol import EvaluationConfig
from dias.evaluation.results import Evaluation
from dias.files import write_atomic, write_json
from dias.masks.resize import label_map
from dias.models.image import ImageModel
from dias.viz import contact_sheet, ground_truth_colours, overlay

_TITLES = ("image", "ground truth", "first iteration", "last, not reduced", "final")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Images to draw under one heading, by their names."""

    title: str
    about: str
    names: tuple[str, ...]


def choose(evaluation: Evaluation, *, some: int = 8, extremes: int = 4) -> tuple[Choice, ...]:
    """Images evenly spread over the data set, and those with the best and the worst mBO."""
    mbo = evaluation.best_map.mbo
    order = [index for index in np.argsort(mbo, kind="stable").tolist() if np.isfinite(mbo[index])]
    spread = np.unique(np.linspace(0, len(mbo) - 1, min(some, len(mbo))).round().astype(int)).tolist()
    chosen = (
        ("Evaluated images", "Evenly spread over the data set, not chosen by score.", spread),
        ("Best images", "Highest mBO.", order[::-1][:extremes]),
        ("Worst images", "Lowest mBO.", order[:extremes]),
    )
    return tuple(
        Choice(title=title, about=about, names=tuple(evaluation.names[index] for index in indices))
        for title, about, indices in chosen
    )


def as_measured(model: ImageModel, evaluation: Evaluation) -> ImageModel:
    """The model under the threshold that it was measured with."""
    threshold = evaluation.config.threshold
    return model if threshold is None else model.with_threshold(threshold)


def with_truth(
    source: ImageSource, index: int, *, config: EvaluationConfig
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The first two of an image's panels: the image, and its ground truth."""
    whole = source[index]
    sample = look(whole, centre_view(*whole.image.shape[:2], size=config.rules.size))
    return [sample.image, _truth(sample)]


@torch.no_grad()
def stages(
    model: ImageModel, source: ImageSource, index: int, *, config: EvaluationConfig
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """One image's panels: the image, its ground truth, and the same masks that were measured."""
    whole = source[index]
    size, view = config.rules.size, config.rules.view or config.rules.size
    sample, shown = (look(whole, centre_view(*whole.image.shape[:2], size=side)) for side in (size, view))
    backbone = backbone_of(model)
    images = as_tensor(shown.image)[None]
    tokens = model.see(images.to(device_of(backbone)))
    plain, final = both_passes(model, tokens, indices=[index], seed=config.seed)
    found = [
        _labels(maps, output.mask, grid=tokens.grid, size=size)
        for maps, output in (
            (plain.attention[0], plain),
            (_best(plain.decoder_attention, plain.attention, config), plain),
            (_best(final.decoder_attention, final.attention, config), final),
        )
    ]
    return [sample.image, _truth(sample), *(overlay(sample.image, labels) for labels in found)]


def draw_pictures(
    model: ImageModel,
    source: ImageSource,
    evaluation: Evaluation,
    *,
    folder: Path,
    choices: Sequence[Choice] = (),
) -> None:
    """Write a PNG an image and `pictures.json`, which a report reads.

    Args:
        model: the one that was measured.
        source: the data it was measured on.
        evaluation: its result; tells the settings and the scores under the pictures.
        folder: where to.
        choices: which images; `choose(evaluation)` when empty.
    """
    model = as_measured(model, evaluation)
    indices = {source.name(index): index for index in range(len(source))}
    places = {name: place for place, name in enumerate(evaluation.names)}
    drawn: set[str] = set()
    groups = []
    for choice in choices or choose(evaluation):
        pictures = []
        for name in choice.names:
            file = f"{indices[name]:06d}.png"
            if file not in drawn:
                panels = stages(model, source, indices[name], config=evaluation.config)
                _save(contact_sheet([panels], titles=list(_TITLES)), folder / file)
                drawn.add(file)
            pictures.append({"file": file, "caption": _caption(evaluation, name, places[name])})
        groups.append({"title": choice.title, "about": choice.about, "pictures": pictures})
    write_json(folder / "pictures.json", {"groups": groups})


def _truth(sample: ImageSample) -> UInt8[np.ndarray, "h w 3"]:
    if sample.mask is None:
        raise DiasError(f"{sample.name}: has no masks, so it cannot be measured; use `dias segment` on it")
    labels = np.unique(sample.mask, return_inverse=True)[1].reshape(sample.mask.shape).astype(np.int32)
    return overlay(sample.image, labels, palette=ground_truth_colours(int(labels.max()) + 1))


def _labels(
    maps: Float[Tensor, "1 n m"], kept: Bool[Tensor, "1 n"], *, grid: tuple[int, int], size: int
) -> Int32[np.ndarray, "h w"]:
    labels = label_map(maps, grid=grid, size=(size, size), kept=kept)[0].cpu().numpy()
    return np.asarray(labels, dtype=np.int32)


def _best(
    decoder: Float[Tensor, "1 n m"] | None, attention: list[Float[Tensor, "1 n m"]], config: EvaluationConfig
) -> Float[Tensor, "1 n m"]:
    chosen = "decoder" in config.maps and (config.rules.map == "decoder" or "aggregation" not in config.maps)
    return decoder if decoder is not None and chosen else attention[-1]


def _caption(evaluation: Evaluation, name: str, place: int) -> str:
    row = evaluation.best_map
    values = [
        f"{title} {100 * value[place]:.0f}"
        for title, value in (("ARIfg", row.ari_foreground), ("mBO", row.mbo))
        if np.isfinite(value[place])
    ]
    kept, true = evaluation.slots_kept[place], evaluation.true_segments[place]
    return f"{name}: {', '.join(values)}; {kept} slots kept, {true} true segments"


def _save(picture: UInt8[np.ndarray, "h w 3"], file: Path) -> None:
    write_atomic(file, lambda stream: Image.fromarray(picture).save(stream, format="PNG"))
