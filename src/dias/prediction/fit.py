"""Train a rollouter: it predicts several frames from its own predictions, and the error of all counts."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT
from dias.errors import DiasError
from dias.nn.decoders.from_slots import ExplainsAlone
from dias.prediction.rollouter import Rollouter, RollouterConfig
from dias.prediction.windows import SlotWindows
from dias.training.fitting import FittingConfig, batches, descend

_LEAST_SPREAD = 1e-3  # of a channel of slots that hardly changes


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FitConfig(FittingConfig):
    """How a rollouter is trained, on batches of windows; without weight decay (the paper).

    The paper takes about 450,000 steps of 128 windows at 2e-4; these defaults are for minutes on one core.

    Attributes:
        predicted: frames that are predicted from a window's first `burn_in`, each from those before it.
        stride: from frame to frame of a window, in the clip's own frames.
        features_weight: of the error of what the frozen decoder makes of predicted slots, against what it
            makes of the true ones, beside the error of slots; 0 leaves it out.
        features_frames: of a window's predicted frames are decoded, drawn anew each step; all cost much.
        clip: largest norm of the gradient; None: any (the paper).
    """

    predicted: PositiveInt = 10
    stride: PositiveInt = 1
    features_weight: NonNegativeFloat = 0.0
    features_frames: PositiveInt = 1
    clip: PositiveFloat | None = None


def fit(
    windows: SlotWindows,
    rollouter: RollouterConfig,
    config: FitConfig,
    *,
    decoder: ExplainsAlone | None = None,
    on_step: Callable[[float], None] = lambda loss: None,
) -> Rollouter:
    """Train a rollouter on windows of slots.

    Args:
        windows: of `burn_in` + `predicted` frames.
        rollouter: its settings.
        config: how.
        decoder: of the model that the slots are of; frozen, and asked only with a weight of features.
        on_step: called after each step with its loss.

    Returns:
        The rollouter in evaluation mode.

    Raises:
        DiasError: windows of another length; a weight of features and no decoder; or no slot is kept in the
            last frame of burn-in.
        TrainingError: the loss is not a number.
    """
    burn_in = rollouter.burn_in
    if windows.slots.shape[1] != burn_in + config.predicted:
        raise DiasError(
            f"prediction: windows of {windows.slots.shape[1]} frames, the burn-in of {burn_in} and "
            f"{config.predicted} predicted ones need {burn_in + config.predicted}"
        )
    if config.features_weight and decoder is None:
        raise DiasError("prediction: features_weight needs the decoder of the model that the slots are of")
    if not bool(windows.kept[:, burn_in - 1].any()):
        raise DiasError("prediction: no slot is kept in the last frame of burn-in; nothing can be learned")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = rollouter.build(slot_dim=windows.slots.shape[3]).train()
        _standardise(model, windows)

        def loss_of(chosen: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            return window_loss(model, windows.slots[chosen], windows.kept[chosen], config, decoder=decoder)

        rows = batches(len(windows), config)
        descend(model, rows, loss_of, config, whose="predictor", clip=config.clip, on_step=on_step)
    return model.eval()


def window_loss(
    model: Rollouter,
    slots: Float[Tensor, "b time slots dim"],
    kept: Bool[Tensor, "b time slots"],
    config: FitConfig,
    *,
    decoder: ExplainsAlone | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error of predicted slots, and of a few frames' features where those have a weight.

    Only slots that are kept in the last frame of burn-in and in the frame that is predicted count: what is
    not there yet cannot be told, and what has gone has no slot.
    """
    burn_in = model.config.burn_in
    found = model.rollout(slots[:, :burn_in], kept[:, :burn_in], steps=config.predicted)
    truth = slots[:, burn_in:]
    there = kept[:, burn_in:] & kept[:, burn_in - 1, None]
    squared = (found - truth).square().mean(dim=-1)
    loss = (squared * there).sum() / there.sum().clamp(min=1)
    if config.features_weight and decoder is not None:
        loss = loss + config.features_weight * _features_loss(decoder, found, truth, there, config)
    return loss


def _features_loss(
    decoder: ExplainsAlone,
    found: Float[Tensor, "b t slots dim"],
    truth: Float[Tensor, "b t slots dim"],
    there: Bool[Tensor, "b t slots"],
    config: FitConfig,
) -> Float[Tensor, ""]:
    """Both decoded with the same slots there, so that the difference is the prediction's."""
    batch, steps = found.shape[:2]
    count = min(config.features_frames, steps)
    frames = torch.rand(batch, steps).argsort(dim=1)[:, :count].to(found.device)
    rows = torch.arange(batch, device=found.device)[:, None]
    seen = there[rows, frames].flatten(0, 1)
    some = seen.any(dim=1)
    if not bool(some.any()):
        return found.sum() * 0
    ours, true = (
        decoder.alone(each[rows, frames].flatten(0, 1)[some], seen[some]).tokens for each in (found, truth)
    )
    return (ours - true.detach()).square().mean()


def _standardise(model: Rollouter, windows: SlotWindows) -> None:
    known = windows.slots[windows.kept]
    model.centre.copy_(known.mean(dim=0))
    model.spread.copy_(known.std(dim=0, correction=0).clamp(min=_LEAST_SPREAD))
