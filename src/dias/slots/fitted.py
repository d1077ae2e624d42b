"""What was trained on slots, as one safetensors file with JSON in its header. Loading executes nothing."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from dias.errors import CheckpointError, DiasError
from dias.files import write_atomic
from dias.provenance import record

T = TypeVar("T")


def save_fitted(file: Path, module: nn.Module, about: Mapping[str, Any], *, format: str) -> None:
    """Write a module in one step.

    Args:
        file: where to.
        module: whose weights they are.
        about: what it takes to make the module again, and whatever else JSON can hold; provenance is added.
        format: name of the kind of file.

    Raises:
        FileError: it cannot be written.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    told = json.dumps({**about, "provenance": record().to_dict()})
    content = save(state, metadata={"format": format, "about": told})
    write_atomic(file, lambda stream: stream.write(content))


def load_fitted(
    file: Path, make: Callable[[dict[str, Any], dict[str, Tensor]], T], *, format: str, again: str
) -> T:
    """Read what `save_fitted` wrote.

    Args:
        file: where it is.
        make: of `about` and the weights; whatever it finds wrong with them is damage.
        format: the kind of file that it has to be.
        again: the command that writes one.

    Raises:
        CheckpointError: there is none, or it is damaged, or something else.
    """
    do = f"train it again: `{again}`"
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no dict)
    except FileNotFoundError:
        raise CheckpointError(file, "does not exist", do=do) from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(file, f"is no readable safetensors file ({error})", do=do) from None
    if header.get("format") != format:
        raise CheckpointError(file, f"has format {header.get('format')!r}, expected {format!r}", do=do)
    try:
        return make(json.loads(header["about"]), state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, DiasError) as error:
        raise CheckpointError(file, f"is damaged ({str(error).splitlines()[0]})", do=do) from None
