"""Checkpoints of a run: whole or absent, read back without executing anything."""

import io
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO

from dias.checkpoints import save_model
from dias.errors import CheckpointError
from dias.files import write_atomic
from dias.training.module import ImageTraining

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


class Saving(L.Callback):
    """Keeps the state to resume from, the last model, and the one that validation likes best."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best = -float("inf")

    def save(
        self, trainer: L.Trainer, module: ImageTraining, *, scores: dict[str, float], score: float
    ) -> None:
        """Write last.safetensors, best.safetensors if this is it, then the state (with the best score)."""
        if trainer.is_global_zero:
            notes = {"step": trainer.global_step, "seed": module.recipe.training.seed, "validation": scores}
            save_model(self.folder / "last.safetensors", module.model, notes=notes)
            if score > self.best:
                save_model(self.folder / "best.safetensors", module.model, notes=notes)
        self.best = max(self.best, score)
        trainer.save_checkpoint(self.folder / STATE)

    def state_dict(self) -> dict[str, Any]:
        """The best score so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best score so far."""
        self.best = state_dict["best"]
