"""The line on the terminal during training: steps, loss, ARIfg, pictures a second, time left."""

from typing import Any

import lightning as L

from dias.progress import ProgressLine


class TrainingProgress(L.Callback):
    """A progress bar over the whole run, on the first process only."""

    def __init__(self, *, steps: int, batch: int) -> None:
        self.steps = steps
        self.batch = batch
        self.foreground: float | None = None
        self._line: ProgressLine | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar."""
        if trainer.is_global_zero:
            self._line = ProgressLine("train", total=self.steps, done=trainer.global_step).__enter__()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move on; the loss is read now and then, since reading it waits for a GPU."""
        if self._line is None:
            return
        note = None
        if trainer.global_step % 10 == 0:
            note = f"loss {float(outputs['loss']) * trainer.accumulate_grad_batches:.4f}"
            if self.foreground is not None:
                note += f"  ARIfg {100 * self.foreground:.1f}"
            note += f"  {self._line.speed * self.batch:.0f} img/s"
        self._line.to(trainer.global_step, note=note)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the finished bar where it is."""
        self._stop()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back."""
        self._stop()

    def _stop(self) -> None:
        if self._line is not None:
            self._line.__exit__()
