"""Error against horizon: predicted slots, and what is decoded of them, beside the true future."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from dias.config import STRICT
from dias.data.frames import ClipFrames
from dias.data.samples import ClipSource
from dias.errors import DiasError
from dias.evaluation.agreement import scores_by, scores_of_counts
from dias.evaluation.protocol import DIAS, Rules
from dias.metrics import GrowingContingency
from dias.models.image import ImageModel
from dias.prediction.decoding import Decoded, decoded, explains_alone, makes_pictures
from dias.prediction.floors import Forecast, last_stays, straight_on
from dias.prediction.measures import cosine_errors, covered, partners, psnr, slot_errors, ssim
from dias.prediction.results import MEASURES, Measure, Prediction, Row, mean_of
from dias.prediction.truth import Future, future_of
from dias.slots.clips import ClipSlots, check_followed, clips_of
from dias.slots.read import SlotFiles
from dias.slots.source import source_of

STAYS, STRAIGHT, TRUE = "last frame stays", "linear extrapolation", "true slots"
_WHOLE = ("ari", "ari_foreground", "miou")


@settings(frozen=True, kw_only=True, config=STRICT)
class HorizonConfig:
    """How predictions are measured.

    Attributes:
        burn_in: frames that are seen.
        steps: most frames to predict; fewer of a clip that ends before.
        stride: from frame to frame, in the clip's own frames.
        rules: of the masks' protocol: size, background and unlabelled pixels.
    """

    burn_in: PositiveInt = 6
    steps: PositiveInt = 40
    stride: PositiveInt = 1
    rules: Rules = DIAS


@dataclass(frozen=True, kw_only=True)
class _Run:
    """The frames of a clip that are seen and predicted."""

    name: str
    clip: int
    frames: list[int]
    slots: Float[Tensor, "t n d"]
    kept: Bool[Tensor, "t n"]


@dataclass
class _Gathered:
    """Values of one row, clip after clip."""

    values: dict[Measure, list[Float64[np.ndarray, " steps"]]] = field(
        default_factory=lambda: {measure: [] for measure in MEASURES}
    )
    whole: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _WHOLE})


def evaluate(
    forecasts: Mapping[str, Forecast],
    files: SlotFiles,
    clips: ClipSource,
    model: ImageModel,
    *,
    config: HorizonConfig,
    on_clip: Callable[[], None] = lambda: None,
) -> Prediction:
    """Measure predictors from the first frames of every clip, beside two floors and a ceiling.

    The floors are "last frame stays" and "linear extrapolation"; the ceiling, "true slots", is what the slot
    model finds when it sees the future, decoded as predictions are.

    Args:
        forecasts: predictors by name.
        files: slots of the clips.
        clips: what they were made of, with masks.
        model: that made them, with its backbone.
        config: how.
        on_clip: called after each clip.

    Raises:
        DiasError: no clip is longer than the burn-in; clips have no masks; or the model's decoder needs more
            than slots.
        SlotsError: the slots are of single pictures.
        SampleError: a frame cannot be read.
    """
    explains_alone(model)
    runs, left_out = _runs(files, config)
    variance = _variance(runs, config)
    every = {**forecasts, STAYS: last_stays, STRAIGHT: straight_on}
    gathered = {name: _Gathered() for name in (*every, TRUE)}
    shares = list[Float64[np.ndarray, " steps"]]()
    extraction, size = files.header.extraction, config.rules.size
    for run in runs:
        frames = run.frames[config.burn_in :]
        future = future_of(clips, run.clip, frames, model=model, extraction=extraction, size=size)
        true, there = run.slots[config.burn_in :], run.kept[config.burn_in :]
        partner = _partners(run, config)
        for name, forecast in every.items():
            found, last = _predicted(run, forecast, config)
            error = slot_errors(found, true, there, partner).numpy()
            _add(gathered[name], found, last, future, model, error, variance, config)
        _add(gathered[TRUE], true, there, future, model, np.zeros(len(true)), variance, config)
        shares.append(_padded(covered(there, partner).numpy(), config.steps))
        on_clip()
    steps = max(len(run.frames) for run in runs) - config.burn_in
    return Prediction(
        rows=tuple(_row(name, one, steps) for name, one in gathered.items()),
        clips=tuple(run.name for run in runs),
        left_out=left_out,
        burn_in=config.burn_in,
        stride=config.stride,
        steps=steps,
        counted=tuple(sum(len(run.frames) - config.burn_in > step for run in runs) for step in range(steps)),
        covered=mean_of(np.stack(shares))[:steps],
        variance=variance,
    )


def clips_behind(files: SlotFiles, *, path: Path | None = None, settings: Iterable[str] = ()) -> ClipSource:
    """The clips that slots were made of, as `dias.slots.source_of` finds them.

    Raises:
        DiasError: they are not there, or others.
        SlotsError: the slots are of single pictures.
    """
    check_followed(files)
    source = source_of(files, path=path, settings=settings)
    assert isinstance(source, ClipFrames)  # only those are followed
    return source.clips


def _runs(files: SlotFiles, config: HorizonConfig) -> tuple[list[_Run], tuple[str, ...]]:
    """The clips that are long enough, as far as they are asked for; and the names of the others."""
    runs, left_out, longest = list[_Run](), list[str](), 0
    for clip in clips_of(files):
        rows = _first_rows(clip, config)
        longest = max(longest, len(clip))
        if len(rows) <= config.burn_in:
            left_out.append(clip.name)
            continue
        runs.append(
            _Run(
                name=clip.name,
                clip=clip.clip,
                frames=clip.frames[rows].tolist(),
                slots=torch.from_numpy(clip.slots[rows]),
                kept=torch.from_numpy(clip.kept[rows]),
            )
        )
    if not runs:
        raise DiasError(
            f"prediction: none of {len(left_out)} clips has a frame after the burn-in of {config.burn_in}, "
            f"{config.stride} apart (the longest has {longest}); give longer clips"
        )
    return runs, tuple(left_out)


def _first_rows(clip: ClipSlots, config: HorizonConfig) -> list[int]:
    """Rows of frames 0, stride, 2 stride, ... up to the last that is wanted, or the first that is missing."""
    row = {int(number): place for place, number in enumerate(clip.frames)}
    rows: list[int] = []
    while len(rows) < config.burn_in + config.steps and (number := len(rows) * config.stride) in row:
        rows.append(row[number])
    return rows


def _variance(runs: list[_Run], config: HorizonConfig) -> float:
    """Of true future slots about their mean, averaged over a slot's numbers."""
    known = torch.cat([run.slots[config.burn_in :][run.kept[config.burn_in :]] for run in runs]).double()
    return float(known.var(dim=0, correction=0).mean()) if len(known) else float("nan")


@torch.no_grad()
def _predicted(
    run: _Run, forecast: Forecast, config: HorizonConfig
) -> tuple[Float[Tensor, "t n d"], Bool[Tensor, "t n"]]:
    """Slots of the frames after burn-in, and which are there: those of its last frame."""
    slots, kept = run.slots[None, : config.burn_in], run.kept[None, : config.burn_in]
    steps = len(run.frames) - config.burn_in
    return forecast(slots, kept, steps=steps)[0], kept[0, -1].expand(steps, -1)


def _partners(run: _Run, config: HorizonConfig) -> Tensor:
    """Slots are read where they were extracted, so each finds itself; other forecasts might reorder them."""
    last, kept = run.slots[config.burn_in - 1], run.kept[config.burn_in - 1]
    return partners(last, last, found_kept=kept, true_kept=kept)


def _add(
    to: _Gathered,
    slots: Float[Tensor, "t n d"],
    kept: Bool[Tensor, "t n"],
    future: Future,
    model: ImageModel,
    error: Float64[np.ndarray, " t"],
    variance: float,
    config: HorizonConfig,
) -> None:
    """One clip of one row."""
    made = decoded(model, slots, kept, size=config.rules.size, pictures=makes_pictures(model))
    scores = scores_by(config.rules, made.labels, future.masks, valid=future.valid)
    found: dict[Measure, Float64[np.ndarray, " t"]] = {
        "slot_mse": error,
        "slot_error": error / variance,
        "ari": scores.ari.numpy(),
        "ari_foreground": scores.ari_foreground.numpy(),
        "miou": scores.miou.numpy(),
        **_of_tokens(made, future),
    }
    for measure in MEASURES:
        values = found.get(measure, np.full(len(slots), np.nan))
        to.values[measure].append(_padded(values, config.steps))
    counts = GrowingContingency()
    for step, (labels, mask) in enumerate(zip(made.labels, future.masks, strict=True)):
        counts.add(labels, mask, valid=None if future.valid is None else future.valid[step])
    total = scores_of_counts(config.rules, counts.total())
    for name in _WHOLE:
        to.whole[name].append(float(getattr(total, name)))


def _of_tokens(made: Decoded, future: Future) -> dict[Measure, Float64[np.ndarray, " t"]]:
    """Measures of features and of pixels, as far as there are any."""
    found: dict[Measure, Float64[np.ndarray, " t"]] = {}
    if future.features is not None:
        found["feature_error"] = cosine_errors(made.tokens, future.features).numpy()
    if made.pictures is not None:
        side = made.pictures.shape[-2:]
        truth = torch.nn.functional.interpolate(
            future.pictures.float() / 255, size=side, mode="bilinear", antialias=True, align_corners=False
        )
        found["psnr"] = psnr(made.pictures, truth).numpy()
        found["ssim"] = ssim(made.pictures, truth).numpy()
    return found


def _padded(values: Float64[np.ndarray, " t"], steps: int) -> Float64[np.ndarray, " steps"]:
    return np.concatenate([values, np.full(steps - len(values), np.nan)])


def _row(name: str, gathered: _Gathered, steps: int) -> Row:
    return Row(
        name=name,
        values={measure: np.stack(values)[:, :steps] for measure, values in gathered.values.items()},
        whole={key: np.array(values) for key, values in gathered.whole.items()},
    )
