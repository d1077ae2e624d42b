"""From files of slots to a trained rollouter: windows, clips held out, and what there is to tell of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dias.nn.decoders.from_slots import ExplainsAlone
from dias.prediction.fit import FitConfig, fit
from dias.prediction.rollouter import RollouterConfig
from dias.prediction.trained import TrainedRollouter, trained_on
from dias.prediction.windows import held_out_clips, windows_of
from dias.slots.clips import clips_of
from dias.slots.read import SlotFiles

_LAST = 50  # steps whose loss is told


@dataclass(frozen=True, kw_only=True)
class Training:
    """What came of it.

    Attributes:
        trained: the rollouter.
        notes: numbers that go into its file.
        told: the same in a line.
    """

    trained: TrainedRollouter
    notes: dict[str, Any]
    told: str


def train_on(
    files: SlotFiles,
    rollouter: RollouterConfig,
    config: FitConfig,
    *,
    held_out: float = 0.0,
    decoder: ExplainsAlone | None = None,
    on_step: Callable[[float], None] = lambda loss: None,
) -> Training:
    """Train a rollouter on the slots of clips.

    Args:
        files: slots of followed clips.
        rollouter: its settings.
        config: how.
        held_out: share of the clips by which the weights are chosen; 0: none, and the last weights count.
        decoder: as `fit` takes it.
        on_step: called after each step with its loss.

    Raises:
        DiasError: as `fit`; or there are too few clips, or too short ones.
        SlotsError: the slots are of single pictures.
        TrainingError: the loss is not a number.
    """
    clips, others = held_out_clips(list(clips_of(files)), share=held_out)
    frames = rollouter.burn_in + config.predicted
    windows = windows_of(clips, frames=frames, stride=config.stride)
    apart = windows_of(others, frames=frames, stride=config.stride) if others else None
    losses, checks = list[float](), list[tuple[float, int]]()

    def after(loss: float) -> None:
        losses.append(loss)
        on_step(loss)

    found = fit(
        windows, rollouter, config, held_out=apart, decoder=decoder, on_step=after,
        on_check=lambda step, error: checks.append((error, step)),
    )  # fmt: skip
    last = losses[-_LAST:]
    notes: dict[str, Any] = {"loss": sum(last) / len(last), "windows": len(windows), "clips": windows.clips}
    told = f"trained on {len(windows)} windows of {windows.clips - windows.left_out} clips"
    told += f", {windows.left_out} too short" if windows.left_out else ""
    if checks:
        error, step = min(checks)
        notes |= {"held_out_clips": len(others), "held_out_error": error, "chosen_step": step}
        told += (
            f"; the weights of step {step} predict {len(others)} clips held out best "
            f"(squared error {error:.4f}, before training {checks[0][0]:.4f})"
        )
    return Training(trained=trained_on(found, files.header, config), notes=notes, told=told)
