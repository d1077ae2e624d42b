"""Checkpoints of Lightning from ours, and back: the same weights, settings, provenance and notes."""

import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dias.checkpoints import CHECKPOINT_KEY as KEY
from dias.errors import CheckpointError
from dias.files import write_atomic
from dias.interop.stored import Stored

_PREFIX = "model."  # of the weights, as `dias.training.module` names them
_VERSION = "pytorch-lightning_version"


def write_lightning(stored: Stored, file: Path) -> None:
    """Write weights and header as Lightning's `load_from_checkpoint` reads them.

    There is no optimizer in it: `dias train --set training.start=FILE` starts from one of ours.
    """
    from importlib.metadata import version

    notes = stored.told("notes")
    step = notes.get("step") if isinstance(notes, dict) else None
    checkpoint = {
        "state_dict": {f"{_PREFIX}{name}": value for name, value in stored.state.items()},
        "global_step": step if isinstance(step, int) else 0,
        "epoch": 0,
        _VERSION: version("lightning"),
        KEY: dict(stored.header),
    }
    whole = io.BytesIO()  # torch hides a full disk behind a RuntimeError
    torch.save(checkpoint, whole)
    write_atomic(file, lambda stream: stream.write(whole.getbuffer()))


def read_lightning(file: Path) -> Stored:
    """Read a checkpoint that Lightning wrote for `dias train`, or that `write_lightning` did.

    Nothing in it is executed: anything but tensors and plain values is refused.

    Raises:
        CheckpointError: it is damaged, unsafe, or does not tell which model it is of.
    """
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged or unsafe file
        raise CheckpointError(
            file,
            f"is no plain file of tensors ({type(error).__name__})",
            do="it may be truncated, or hold code, which is refused",
        ) from None
    header = found.get(KEY) if isinstance(found, dict) else None
    if not isinstance(header, dict) or not isinstance(found.get("state_dict"), dict):
        raise CheckpointError(
            file, "does not say which model of DIAS it is of", do="give the .safetensors beside it"
        )
    return Stored(header=_texts(file, header), state=_weights(file, found["state_dict"]))


def _texts(file: Path, header: dict[Any, Any]) -> dict[str, str]:
    needed = ("model", "backbone", "provenance", "notes")
    try:
        for name in needed:
            json.loads(header[name])
        return {name: str(header[name]) for name in ("format", *needed)}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(file, f"has a damaged header ({error!r})") from None


def _weights(file: Path, state: dict[Any, Any]) -> dict[str, Tensor]:
    odd = [name for name, value in state.items() if not _is_weight(name, value)]
    if odd:
        raise CheckpointError(file, f"holds {odd[0]!r}, which is no weight of a model of DIAS")
    return {name.removeprefix(_PREFIX): value for name, value in state.items()}


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and name.startswith(_PREFIX) and isinstance(value, Tensor)
