"""What a run leaves to be read: metrics.jsonl, and the loggers people are used to."""

import json
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch

from dias.errors import FileError
from dias.files import write_text
from dias.training.processes import mean_of_all


class Journal(L.Callback):
    """Writes a line of JSON every few steps: losses, learning rate, seconds; and one per validation.

    Losses are means over the steps since the last line and over all processes.

    After a resume the lines that the lost steps wrote are dropped, so that every step stands there once.
    """

    def __init__(self, folder: Path, *, every: int) -> None:
        self.file = folder / "metrics.jsonl"
        self.every = every
        self._sums: dict[str, torch.Tensor] = {}
        self._count = 0
        self._started = time.monotonic()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Forget what was written after the state that this run goes on from."""
        if not trainer.is_global_zero or not self.file.exists():
            return
        kept = [line for line in self.file.read_text().splitlines() if _step(line) <= trainer.global_step]
        kept = [line for line in kept if _step(line) >= 0 and trainer.global_step]
        write_text(self.file, "".join(f"{line}\n" for line in kept))

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add up losses; write their means now and then."""
        for name, found in outputs.items():
            value = found.detach().float()
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value
        self._count += 1
        if trainer.global_step % self.every == 0 and (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            means = {name: value / self._count for name, value in self._over_processes().items()}
            if trainer.accumulate_grad_batches > 1:
                means["loss"] *= trainer.accumulate_grad_batches  # Lightning divides it for the gradient
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            self.write(trainer, means | {"lr": rate, "seconds": time.monotonic() - self._started})
            self._sums, self._count = {}, 0

    def state_dict(self) -> dict[str, Any]:
        """What has been added up since the last line."""
        return {"sums": self._over_processes(), "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on adding."""
        self._sums = {name: torch.tensor(value) for name, value in state_dict["sums"].items()}
        self._count = state_dict["count"]

    def write(self, trainer: L.Trainer, values: dict[str, float]) -> None:
        """Append values at the current step, and hand them to the loggers."""
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)
        if not trainer.is_global_zero:
            return
        numbers = {name: round(value, 6) if value == value else None for name, value in values.items()}
        try:
            with self.file.open("a") as stream:
                stream.write(json.dumps({"step": trainer.global_step} | numbers) + "\n")
        except OSError as error:
            raise FileError(self.file, f"could not be written ({error.strerror})", do="free space") from error

    def _over_processes(self) -> dict[str, float]:
        return {name: float(mean_of_all(value)) for name, value in self._sums.items()}


def _step(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return -1  # a line that a crash cut short
