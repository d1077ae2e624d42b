"""ViTs as transformers builds them: loaded whole or not at all, and named by what is in them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dias.errors import WeightsError

_FAMILIES = ("dinov2", "dinov2_with_registers", "vit", "vit_mae", "dinov3_vit")
_UNUSED = ("pooler", "mask_token")  # of no use for tokens, and not in every copy of the same weights


def from_hugging_face(where: str | Path, *, local_files_only: bool) -> nn.Module:
    """Load a ViT by name, or from a Hugging Face folder, in float32.

    Raises:
        WeightsError: it cannot be had, is damaged or incomplete, or is of another family.
    """
    from transformers import AutoConfig, AutoModel

    with _one_line(str(where)), _quiet():
        settings = AutoConfig.from_pretrained(where, local_files_only=local_files_only)
        _check_family(settings, where)
        found = AutoModel.from_pretrained(
            where,
            config=settings,
            local_files_only=local_files_only,
            attn_implementation="sdpa",
            dtype=torch.float32,
            output_loading_info=True,
        )
    return _whole(*found, where=where)


def from_state(state: dict[str, Float[Tensor, "..."]], settings: dict[str, Any], *, where: Path) -> nn.Module:
    """Build the ViT that `settings` (a config.json's content) describe, and fill it, in float32.

    Raises:
        WeightsError: the tensors do not fit, or it is of another family.
    """
    from transformers import AutoConfig, AutoModel

    rest = {name: value for name, value in settings.items() if name != "model_type"}
    with _one_line(str(where)), _quiet():
        config = AutoConfig.for_model(settings.get("model_type", "unknown"), **rest)
        _check_family(config, where)
        kind = type(AutoModel.from_config(config))
        found = kind.from_pretrained(
            None,
            config=config,
            state_dict=state,
            attn_implementation="sdpa",
            dtype=torch.float32,
            output_loading_info=True,
        )
    return _whole(*found, where=where)


def fingerprint(vit: nn.Module) -> str:
    """SHA-256 over the sorted shapes, types and bytes of all weights.

    Names are left out: transformers renames modules from version to version, the weights stay the same.
    """
    digests = []
    for value in vit.state_dict().values():
        own = hashlib.sha256(f"{tuple(value.shape)}{value.dtype}".encode())
        own.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        digests.append(own.digest())
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _check_family(settings: Any, where: str | Path) -> None:
    if settings.model_type not in _FAMILIES:
        raise WeightsError(f"{where}: is a {settings.model_type}, expected one of {', '.join(_FAMILIES)}")


def _whole(vit: nn.Module, report: dict[str, Any], *, where: str | Path) -> nn.Module:
    """Make sure that every weight came from the file, and drop what tokens do not need."""
    absent = {name for name in report["missing_keys"] if not any(part in name for part in _UNUSED)}
    problems = [f"{len(absent)} tensors are missing ({_some(absent)})"] if absent else []
    if report["mismatched_keys"]:
        names = {str(key[0]) if isinstance(key, tuple) else str(key) for key in report["mismatched_keys"]}
        problems.append(f"{len(names)} tensors have another shape ({_some(names)})")
    problems += [" ".join(str(message).split())[:200] for message in report.get("error_msgs", ())]
    if problems:
        raise WeightsError(f"{where}: {'; '.join(problems)}; the file is damaged or of another model")
    _drop_unused(vit)
    return vit.eval()


def _drop_unused(vit: nn.Module) -> None:
    for module in (vit, vit.get_submodule("embeddings")):
        for name in _UNUSED:
            if getattr(module, name, None) is not None:
                setattr(module, name, None)


def _some(names: set[str]) -> str:
    return ", ".join(sorted(names)[:3])


@contextmanager
def _one_line(where: str) -> Iterator[None]:
    """Whatever transformers, the hub's client and safetensors raise: they share no base class."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(f"{where}: {lines[0][:200]}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and reports of transformers while loading: what matters is raised."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    had_bars = logging.is_progress_bar_enabled()
    restore: Callable[[], None] = logging.enable_progress_bar if had_bars else logging.disable_progress_bar
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        restore()
