"""Checkpoints of a run: whole or absent, read back without executing anything."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO

from dias.errors import CheckpointError
from dias.files import write_atomic
from dias.training.module import Training

STATE = "state.ckpt"


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoints, written beside, synced and renamed; read with weights_only."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write in one step."""
        whole = io.BytesIO()  # torch hides a full disk behind a RuntimeError
        torch.save(checkpoint, whole)
        write_atomic(Path(path), lambda stream: stream.write(whole.getbuffer()))

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read tensors and plain values; anything else in the file is refused."""
        try:
            state = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            raise CheckpointError(
                path, f"cannot be read ({type(error).__name__})", do="it is truncated or not a run's state"
            ) from error
        assert isinstance(state, dict)
        return state


def saved_step(folder: Path) -> int | None:
    """The step that a run can go on from; None if it has saved nothing."""
    if not (folder / STATE).exists():
        return None
    state = torch.load(folder / STATE, map_location="cpu", weights_only=True, mmap=True)
    return int(state["global_step"])


class Saving(L.Callback):
    """Keeps the state to resume from, the last model, and the one that validation likes best.

    Args:
        folder: of the run.
        data: fingerprints of what is trained on, for whoever measures a checkpoint on the very same.
    """

    def __init__(self, folder: Path, *, data: Sequence[str] = ()) -> None:
        self.folder, self.data = folder, data
        self.best = -float("inf")

    def save(self, trainer: L.Trainer, module: Training, *, scores: dict[str, float], score: float) -> None:
        """Write last.safetensors, best.safetensors if this is it, then the state (with the best score)."""
        if trainer.is_global_zero:
            notes = {
                "step": trainer.global_step,
                "seed": module.recipe.training.seed,
                "validation": scores,
                "data": list(self.data),
            }
            module.save(self.folder / "last.safetensors", notes=notes)
            if score > self.best:
                module.save(self.folder / "best.safetensors", notes=notes)
        self.best = max(self.best, score)
        trainer.save_checkpoint(self.folder / STATE)

    def state_dict(self) -> dict[str, Any]:
        """The best score so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best score so far."""
        self.best = state_dict["best"]
