"""One line on the terminal: steps, loss, ARIfg, pictures a second, time left."""

from typing import Any

import lightning as L
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class TrainingProgress(L.Callback):
    """A progress bar over the whole run."""

    def __init__(self, *, steps: int, batch: int) -> None:
        self.steps = steps
        self.batch = batch
        self.foreground: float | None = None
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar, on the first process only."""
        if not trainer.is_global_zero:
            return
        self._bar = Progress(
            TextColumn("train"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            refresh_per_second=2,
        )
        self._bar.start()
        self._task = self._bar.add_task("train", total=self.steps, completed=trainer.global_step, numbers="")

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move on; the loss is read now and then, since reading it waits for a GPU."""
        if self._bar is None:
            return
        self._bar.update(self._task, completed=trainer.global_step)
        if trainer.global_step % 10 == 0:
            speed = (self._bar.tasks[0].speed or 0) * self.batch
            shown = f"loss {float(outputs['loss']) * trainer.accumulate_grad_batches:.4f}"
            if self.foreground is not None:
                shown += f"  ARIfg {100 * self.foreground:.1f}"
            self._bar.update(self._task, numbers=f"{shown}  {speed:.0f} img/s")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the finished bar where it is."""
        if self._bar is not None:
            self._bar.stop()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back."""
        if self._bar is not None:
            self._bar.stop()
