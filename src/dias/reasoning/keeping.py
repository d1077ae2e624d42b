"""A training that was stopped, as a file: weights, the optimizer's moments, the step; no random state."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from dias.errors import CheckpointError
from dias.files import write_atomic

FORMAT = "dias-reasoning-state-1"
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Keeper:
    """Where a training's state is kept, and what it is of.

    Attributes:
        file: of the state.
        key: of all that decides the training (`key_of`).
        every: steps between two writings.
    """

    file: Path
    key: str
    every: int

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, *, step: int) -> None:
        """Write the state after `step` steps.

        Raises:
            FileError: it cannot be written.
        """
        state = {f"network.{name}": value for name, value in network.state_dict().items()}
        for name, weight in network.named_parameters():
            own = optimizer.state.get(weight, {})  # a weight that had no gradient yet has no moments
            state |= {f"{moment}.{name}": own[moment] for moment in _MOMENTS if moment in own}
        plain = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        about = json.dumps({"step": step, "key": self.key})
        content = save(plain, metadata={"format": FORMAT, "about": about})
        write_atomic(self.file, lambda stream: stream.write(content))

    def load(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Take a state up again; return its step, or 0 if there is none.

        Raises:
            CheckpointError: it is damaged, or of another training.
        """
        if not self.file.exists():
            return 0
        again = "delete it, and start anew"
        try:
            with safe_open(self.file, framework="pt") as opened:
                header = opened.metadata() or {}
                state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no dict)
            about = json.loads(header["about"])
            step, key = int(about["step"]), about["key"]
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(self.file, f"is damaged ({error})", do=again) from None
        if header.get("format") != FORMAT or key != self.key:
            raise CheckpointError(
                self.file, "is of another training (settings, slots or questions)", do=again
            )
        own = {name.removeprefix("network."): value for name, value in state.items() if "network." in name}
        network.load_state_dict(own)
        for name, weight in network.named_parameters():
            if f"{_MOMENTS[0]}.{name}" in state:
                optimizer.state[weight] = {"step": torch.tensor(float(step))} | {
                    moment: state[f"{moment}.{name}"].to(weight.device) for moment in _MOMENTS
                }
        return step

    def forget(self) -> None:
        """The training is done."""
        self.file.unlink(missing_ok=True)


def key_of(*parts: object) -> str:
    """A hash of plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
