"""Ctrl-C and SIGTERM (a scheduler that wants its machine back) cost no step."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L

from dias.errors import TrainingError
from dias.training.saving import STATE

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption(L.Callback):
    """At the first signal: finish the step, save the state, stop. At the second: stop at once.

    With several processes the signals do what they always do, for processes that stop at different steps
    would wait for each other for ever; such a run goes on from the state that was saved last.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Listen; only now, for Lightning sets handlers of its own before."""
        if trainer.world_size == 1 and threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._ask) for one in _SIGNALS}

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop, if asked to and between two optimizer steps.

        Raises:
            TrainingError: says at which step, and how to go on.
        """
        whole = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if self.asked and whole and trainer.global_step < trainer.max_steps:
            trainer.save_checkpoint(self.folder / STATE)
            raise TrainingError(
                f"interrupted at step {trainer.global_step}, nothing lost: go on with --resume"
            )

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Give the signals back."""
        self._restore()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Give the signals back: after an error there is no teardown."""
        self._restore()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}
