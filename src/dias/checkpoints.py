"""Our checkpoint format: one safetensors file with JSON settings in its header. Loading executes nothing."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dias.backbones import Backbone, BackboneConfig
from dias.config import from_dict, to_dict
from dias.errors import CheckpointError
from dias.files import write_atomic
from dias.models.clip import ClipModel, ClipModelConfig
from dias.models.image import ImageModel, ImageModelConfig
from dias.nn.tokenizers import TokenizerPart
from dias.provenance import Provenance, record

FORMAT = "dias-checkpoint-1"
CLIP_FORMAT = "dias-clip-checkpoint-1"
TOKENIZER_FORMAT = "dias-tokenizer-1"
CHECKPOINT_KEY = "dias"  # of the same header in a checkpoint of Lightning
USUAL_NAMES = ("best.safetensors", "last.safetensors", "model.safetensors")  # the last: Hugging Face's

AnyModel = TypeVar("AnyModel", ImageModel, ClipModel)


def save_model(
    file: Path,
    model: ImageModel | ClipModel,
    *,
    provenance: Provenance | None = None,
    notes: dict[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write everything but the frozen backbone, in one step.

    Args:
        file: where to; what stood there survives a failure.
        model: its settings travel with it, and the hash of the backbone it was trained on.
        provenance: of the run that made it; of this process when None.
        notes: anything that JSON can hold, such as step and validation scores.
        half: store fp16, for weights that are shipped.
    """
    state = model.head_state()
    if half:
        state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    _write(file, state, header_of(model, provenance=provenance, notes=notes))


def header_of(
    model: ImageModel | ClipModel,
    *,
    provenance: Provenance | None = None,
    notes: dict[str, Any] | None = None,
) -> dict[str, str]:
    """What a file says of its model, as `save_model` writes it."""
    backbone = model.image.backbone if isinstance(model, ClipModel) else model.backbone
    return {
        "format": CLIP_FORMAT if isinstance(model, ClipModel) else FORMAT,
        "model": json.dumps(to_dict(model.config)),
        "backbone": json.dumps(None if backbone is None else asdict(backbone.weights)),
        "provenance": json.dumps((provenance or record()).to_dict()),
        "notes": json.dumps(notes or {}),
    }


def save_tokenizer(
    file: Path, tokenizer: TokenizerPart, config: ImageModelConfig, *, notes: dict[str, Any] | None = None
) -> None:
    """Write a tokenizer of its own, in one step; `config` is of the model that it is for."""
    header = {
        "format": TOKENIZER_FORMAT,
        "tokenizer": json.dumps(to_dict(config.tokenizer)),
        "provenance": json.dumps(record().to_dict()),
        "notes": json.dumps(notes or {}),
    }
    _write(file, tokenizer.state_dict(), header)


def fill_tokenizer(model: ImageModel, file: Path) -> None:
    """Copy a tokenizer's weights into a model whose tokenizer has the same settings.

    Raises:
        CheckpointError: the file is damaged, or no tokenizer, or one of other settings.
    """
    assert model.tokenizer is not None
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
        settings = json.loads(header["tokenizer"]) if header.get("format") == TOKENIZER_FORMAT else None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(file, f"cannot be read ({error})") from None
    if settings != to_dict(model.config.tokenizer):
        what = "is no tokenizer" if settings is None else "is a tokenizer of other settings"
        raise CheckpointError(file, what, do="give the one that the recipe trains (earlier.weights)")
    _copy(file, model.tokenizer.state_dict())


def describe(path: Path) -> dict[str, Any]:
    """Format, settings, provenance and notes of a checkpoint, without building anything.

    Its format is `FORMAT`, of images, or `CLIP_FORMAT`.

    Raises:
        CheckpointError: there is none at `path`, it is damaged, or it is not one of ours.
    """
    file = find(path)
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            file,
            f"is no readable safetensors file ({error})",
            do="it may be truncated: copy or train it again",
        ) from None
    if header.get("format") not in (FORMAT, CLIP_FORMAT):
        raise CheckpointError(
            file,
            f"has format {header.get('format')!r}, expected {FORMAT!r}",
            do="authors' .pth files are converted by `dias import-official`",
        )
    try:
        parts = {name: json.loads(header[name]) for name in ("model", "backbone", "provenance", "notes")}
    except (KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            file, f"has a damaged header ({error})", do="train or convert it again"
        ) from None
    return parts | {"format": header["format"]}


def load_model(
    path: Path,
    *,
    with_backbone: bool = True,
    weights: str | None = None,
    backbone: Backbone | None = None,
) -> ImageModel:
    """Build the model that a checkpoint describes, and fill in its weights; in evaluation mode.

    Args:
        path: a .safetensors file, or a run's folder (its best, else its last checkpoint).
        with_backbone: also find and load the frozen backbone.
        weights: local path of the backbone's weights, instead of what the checkpoint names; a backbone
            without weights asks for none.
        backbone: one that has been loaded already, to be shared.

    Raises:
        CheckpointError: as `describe`; or weights that do not fit the settings; or another backbone than the
            one it was trained on.
    """
    header, file = describe(path), find(path)
    if header["format"] == CLIP_FORMAT:
        raise CheckpointError(
            file,
            "holds a model of clips, not of pictures",
            do="use it on videos (`dias track`), score it on clips (`dias eval`), or load it with "
            "dias.checkpoints.load_clip_model",
        )
    config = from_dict(ImageModelConfig, header["model"], where=f"{file}: model settings")
    config = _with_local_backbone(config, file, weights)
    if backbone is None and with_backbone:
        backbone = config.backbone.build()
    return _filled(config.build(backbone=backbone), backbone, file, trained_on=header["backbone"])


def load_clip_model(
    path: Path,
    *,
    with_backbone: bool = True,
    weights: str | None = None,
    backbone: Backbone | None = None,
) -> ClipModel:
    """Build the model of clips that a checkpoint describes; otherwise as `load_model`.

    Raises:
        CheckpointError: as `load_model`; or it is a model of pictures.
    """
    header, file = describe(path), find(path)
    if header["format"] == FORMAT:
        raise CheckpointError(
            file,
            "holds a model of pictures, not of clips",
            do="give one that a recipe of clips trained",
        )
    config = from_dict(ClipModelConfig, header["model"], where=f"{file}: model settings")
    config = replace(config, image=_with_local_backbone(config.image, file, weights))
    if backbone is None and with_backbone:
        backbone = config.image.backbone.build()
    return _filled(config.build(backbone=backbone), backbone, file, trained_on=header["backbone"])


def find(path: Path) -> Path:
    """The checkpoint file that `path` means: itself, or a run folder's best, else last, else model.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(path)
    if path.is_file():
        return path
    for name in USUAL_NAMES:
        if (path / name).is_file():
            return path / name
    problem = f"holds neither {' nor '.join(USUAL_NAMES)}" if path.is_dir() else "does not exist"
    raise CheckpointError(path, problem, do="give a .safetensors file or a folder that `dias train` wrote")


def _with_local_backbone(config: ImageModelConfig, file: Path, weights: str | None) -> ImageModelConfig:
    """The same settings with the backbone's weights where they are on this machine, if it has any."""
    if not isinstance(config.backbone, BackboneConfig):
        return config
    local = weights or _moved(config.backbone.path, file)
    return replace(config, backbone=replace(config.backbone, path=local))


def _filled(
    model: AnyModel, backbone: Backbone | None, file: Path, *, trained_on: dict[str, str] | None
) -> AnyModel:
    """The model with a file's weights, in evaluation mode, on the backbone that it was trained on."""
    fill(model, file)
    if backbone is not None and trained_on and trained_on["sha256"] != backbone.weights.sha256:
        raise CheckpointError(
            file,
            f"was trained on backbone weights {trained_on['sha256'][:12]} ({trained_on['source']}), found "
            f"{backbone.weights.sha256[:12]} ({backbone.weights.source})",
            do="give the right ones with --weights",
        )
    return model.eval()


def _moved(path: str | None, file: Path) -> str | None:
    """A backbone's local path; beside the checkpoint, if it was moved along with it."""
    if path is None or Path(path).expanduser().exists():
        return path
    beside = file.parent / Path(path).name
    return str(beside) if beside.exists() else path


def fill(model: ImageModel | ClipModel, file: Path) -> None:
    """Copy a checkpoint's weights into a model of the same architecture.

    Raises:
        CheckpointError: the file is damaged, or its weights are not the model's.
    """
    _copy(file, model.head_state())


def _write(file: Path, state: dict[str, Tensor], header: dict[str, str]) -> None:
    state = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    whole = save(state, metadata=header)  # in memory first: writing it is then our own, and so are its errors
    write_atomic(file, lambda stream: stream.write(whole))


def _copy(file: Path, own: dict[str, Tensor]) -> None:
    """Copy what a file holds into tensors of the same names and shapes."""
    try:
        with safe_open(file, framework="pt") as opened:
            stored = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(file, f"cannot be read ({error})") from None
    problems = [f"{name} missing" for name in own.keys() - stored.keys()]
    problems += [f"{name} unknown" for name in stored.keys() - own.keys()]
    problems += [
        f"{name} is {tuple(stored[name].shape)}, expected {tuple(own[name].shape)}"
        for name in own.keys() & stored.keys()
        if own[name].shape != stored[name].shape
    ]
    if problems:
        shown = ", ".join(sorted(problems)[:3])
        raise CheckpointError(
            file,
            f"does not fit its settings in {len(problems)} tensors ({shown})",
            do="it is of another architecture",
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(stored[name])
