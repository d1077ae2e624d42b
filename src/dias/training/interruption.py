"""Ctrl-C, a scheduler that wants its machine back, a batch that cannot be made: none of them costs a step."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L

from dias.errors import Interrupted, LoadingError
from dias.training.processes import Agreement
from dias.training.saving import STATE

_SIGNALS = (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM)  # USR1: what SLURM is often asked to send
_ECHO = 2.0  # seconds in which a signal is the first one again: launchers hand on what all have got already


class Listening(L.Callback):
    """Notes the first signal, for others to heed; stops at once at one that comes later.

    It stands before every callback that takes long at the start.

    Attributes:
        asked: number of the signal; 0 while there is none.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._asked_at = 0.0

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen in the body; then give the signals back."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self._ask) for one in _SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Listen again: Lightning has put a handler of its own before this one."""
        if threading.current_thread() is threading.main_thread():
            for one in _SIGNALS:
                signal.signal(one, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.asked:
            self._asked_at = now
        elif now - self._asked_at > _ECHO:
            _stop_at_once(number, frame)
        self.asked = max(self.asked, number)


class Interruption(L.Callback):
    """When a signal was heard: finish the step, save the state, stop.

    Several processes agree before the first step and after each whether one of them was asked to stop, so
    that all stop at the same one. A run is also saved when its next batch cannot be made: an error in all
    processes at once (`dias.training.data.Remaining`).
    """

    def __init__(self, folder: Path, listening: Listening, *, resumed: bool) -> None:
        self.folder = folder
        self.resumed = resumed
        self.listening = listening
        self._between_steps = True

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop before the first step, if asked to by now; a run that is resumed has its state already.

        Raises:
            Interrupted: as after a step.
            SystemExit: as after a step.
        """
        self._agreement = Agreement()
        self._stop_if_asked(trainer, save=not self.resumed)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Mind that weights and counters are about to change."""
        self._between_steps = False

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop, if asked to and between two optimizer steps.

        Raises:
            Interrupted: says at which step, and how to go on.
            SystemExit: the same, on processes other than the first, which says it for all; without a failure,
                for Lightning kills the others when one fails.
        """
        self._between_steps = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not self._between_steps or trainer.global_step >= trainer.max_steps:
            return
        self._stop_if_asked(trainer, save=True)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Save what has been reached, if only a batch is missing; all processes do, as each waits for all."""
        if isinstance(exception, LoadingError) and self._between_steps and trainer.global_step:
            trainer.save_checkpoint(self.folder / STATE)

    def _stop_if_asked(self, trainer: L.Trainer, *, save: bool) -> None:
        asked = self._agreement.largest(self.listening.asked)
        if not asked:
            return
        if save:
            trainer.save_checkpoint(self.folder / STATE)
        if not trainer.is_global_zero:
            raise SystemExit(0)
        raise Interrupted(
            f"interrupted at step {trainer.global_step}, nothing lost: go on with --resume",
            code=130 if asked == signal.SIGINT else 0,
        )


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        signal.default_int_handler(number, frame)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
