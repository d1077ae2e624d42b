"""A checkpoint of ours as it lies in its file, of any kind of model: header and tensors, nothing built."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dias.checkpoints import describe, find
from dias.errors import CheckpointError
from dias.files import write_atomic


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """What a file holds.

    Attributes:
        header: format, and as JSON the model's settings, its backbone, provenance and notes.
        state: every weight but the frozen backbone's.
    """

    header: Mapping[str, str]
    state: Mapping[str, Tensor]

    def told(self, name: str) -> Any:
        """An entry of the header, such as `notes`, as plain values."""
        return json.loads(self.header[name])

    def half(self) -> "Stored":
        """The same in fp16, for weights that are shipped."""
        state = {
            name: value.half() if value.is_floating_point() else value for name, value in self.state.items()
        }
        return replace(self, state=state)

    def write(self, file: Path) -> None:
        """Write in one step, as `dias.checkpoints` does."""
        whole = save(
            {name: value.detach().cpu().contiguous() for name, value in self.state.items()}, dict(self.header)
        )
        write_atomic(file, lambda stream: stream.write(whole))


def read_stored(path: Path) -> Stored:
    """Read a checkpoint file, or the one that a folder means.

    Raises:
        CheckpointError: as `dias.checkpoints.describe`.
    """
    describe(path)  # says what is wrong with one that is none of ours
    file = find(path)
    try:
        with safe_open(file, framework="pt") as opened:
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no dict)
            header = dict(opened.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise CheckpointError(file, f"cannot be read ({error})") from None
    return Stored(header=header, state=state)
