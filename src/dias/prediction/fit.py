"""Train a rollouter: it predicts several frames from its own predictions, and the error of all counts."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from dias.config import STRICT
from dias.errors import DiasError
from dias.nn.decoders.from_slots import ExplainsAlone
from dias.prediction.rollouter import Rollouter, RollouterConfig
from dias.prediction.windows import SlotWindows
from dias.training.fitting import FittingConfig, batches, descend

_LEAST_SPREAD = 1e-3  # of a channel of slots that hardly changes


@settings(frozen=True, kw_only=True, config=STRICT)
class FitConfig(FittingConfig):
    """How a rollouter is trained, on batches of windows.

    The paper takes about 450,000 steps of 128 windows at 2e-4, without noise, shift or weight decay; these
    defaults are for minutes on one core.

    Attributes:
        predicted: frames that are predicted from a window's first `burn_in`, each from those before it.
        stride: from frame to frame of a window, in the clip's own frames.
        features_weight: of the error of what the frozen decoder makes of predicted slots, against what it
            makes of the true ones, beside the error of slots; 0 leaves it out.
        features_frames: of a window's predicted frames are decoded, drawn anew each step; all cost much.
        clip: largest norm of the gradient; None: any (the paper).
        noise: on the slots of burn-in, drawn anew each step: its deviation, as a share of that of each number
            of the slots. What is predicted is without it, so a rollout learns to come back from its errors.
        shift: as `noise`, but one vector for a slot's whole window, what is to be predicted too: a thing that
            looks and stands otherwise and moves alike. Without it a few clips are learned by heart.
        weight_decay: decoupled (AdamW).
        check_every: steps from one look at windows that are held out to the next.
    """

    predicted: PositiveInt = 10
    stride: PositiveInt = 1
    features_weight: NonNegativeFloat = 0.0
    features_frames: PositiveInt = 1
    clip: PositiveFloat | None = None
    noise: NonNegativeFloat = 0.0
    shift: NonNegativeFloat = 1.0
    weight_decay: NonNegativeFloat = 0.0
    check_every: PositiveInt = 50


def fit(
    windows: SlotWindows,
    rollouter: RollouterConfig,
    config: FitConfig,
    *,
    held_out: SlotWindows | None = None,
    decoder: ExplainsAlone | None = None,
    on_step: Callable[[float], None] = lambda loss: None,
    on_check: Callable[[int, float], None] = lambda step, error: None,
) -> Rollouter:
    """Train a rollouter on windows of slots.

    Args:
        windows: of `burn_in` + `predicted` frames.
        rollouter: its settings.
        config: how.
        held_out: windows of other clips, of any one length beyond the burn-in. The weights that predict
            them best are given, the first ones among them; without any, the last weights.
        decoder: of the model that the slots are of; frozen, and asked only with a weight of features.
        on_step: called after each step with its loss.
        on_check: called after each look at `held_out` with the steps that are done and the squared error.

    Returns:
        The rollouter in evaluation mode.

    Raises:
        DiasError: windows of another length, or held out without a frame to predict; a weight of features and
            no decoder; or no slot is kept in the last frame of burn-in.
        TrainingError: the loss is not a number.
    """
    _check(windows, held_out, rollouter, config, decoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = rollouter.build(slot_dim=windows.slots.shape[3]).train()
        _standardise(model, windows)
        best = _Best(model=model, held_out=held_out, config=config, on_check=on_check)

        def loss_of(chosen: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
            return window_loss(model, windows.slots[chosen], windows.kept[chosen], config, decoder=decoder)

        def after(loss: float) -> None:
            on_step(loss)
            best.step()

        best.look()
        descend(
            model, batches(len(windows), config), loss_of, config, whose="predictor", clip=config.clip,
            weight_decay=config.weight_decay, on_step=after,
        )  # fmt: skip
    model.load_state_dict(best.state or model.state_dict())
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
    moved = torch.zeros_like(slots[:, :1])
    if model.training and config.shift:
        moved = config.shift * model.spread * torch.randn_like(moved)
    slots = slots + moved
    past, truth = slots[:, :burn_in], slots[:, burn_in:]
    if model.training and config.noise:
        past = past + config.noise * model.spread * torch.randn_like(past)
    found = model.rollout(past, kept[:, :burn_in], steps=truth.shape[1])
    there = kept[:, burn_in:] & kept[:, burn_in - 1, None]
    squared = (found - truth).square().mean(dim=-1)
    loss = (squared * there).sum() / there.sum().clamp(min=1)
    if config.features_weight and decoder is not None:
        loss = loss + config.features_weight * _features_loss(
            decoder, found - moved, truth - moved, there, config
        )
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


def _check(
    windows: SlotWindows,
    held_out: SlotWindows | None,
    rollouter: RollouterConfig,
    config: FitConfig,
    decoder: ExplainsAlone | None,
) -> None:
    burn_in = rollouter.burn_in
    if windows.slots.shape[1] != burn_in + config.predicted:
        raise DiasError(
            f"prediction: windows of {windows.slots.shape[1]} frames, the burn-in of {burn_in} and "
            f"{config.predicted} predicted ones need {burn_in + config.predicted}"
        )
    if held_out is not None and held_out.slots.shape[1] <= burn_in:
        raise DiasError(
            f"prediction: windows of {held_out.slots.shape[1]} frames are held out; after the burn-in of "
            f"{burn_in} there is none to predict"
        )
    if config.features_weight and decoder is None:
        raise DiasError("prediction: features_weight needs the decoder of the model that the slots are of")
    if not bool(windows.kept[:, burn_in - 1].any()):
        raise DiasError("prediction: no slot is kept in the last frame of burn-in; nothing can be learned")


@dataclass(kw_only=True)
class _Best:
    """The weights that predict what is held out best."""

    model: Rollouter
    held_out: SlotWindows | None
    config: FitConfig
    on_check: Callable[[int, float], None]
    steps: int = 0
    error: float = math.inf
    state: dict[str, Tensor] = field(default_factory=dict)

    def step(self) -> None:
        """A step was made."""
        self.steps += 1
        if self.steps % self.config.check_every == 0 or self.steps == self.config.steps:
            self.look()

    @torch.no_grad()
    def look(self) -> None:
        """Measure, and keep the weights if they are the best so far."""
        if self.held_out is None:
            return
        self.model.eval()
        error = _error(self.model, self.held_out, self.config)
        self.model.train()
        self.on_check(self.steps, error)
        if error < self.error:
            self.error = error
            self.state = {name: value.clone() for name, value in self.model.state_dict().items()}


def _error(model: Rollouter, windows: SlotWindows, config: FitConfig) -> float:
    """Mean over batches of windows, which are of one size but for the last."""
    plain = replace(config, features_weight=0.0)
    places = torch.split(torch.arange(len(windows)), config.batch)
    errors = [
        len(some) * float(window_loss(model, windows.slots[some], windows.kept[some], plain))
        for some in places
    ]
    return sum(errors) / len(windows)


def _standardise(model: Rollouter, windows: SlotWindows) -> None:
    known = windows.slots[windows.kept]
    model.centre.copy_(known.mean(dim=0))
    model.spread.copy_(known.std(dim=0, correction=0).clamp(min=_LEAST_SPREAD))
