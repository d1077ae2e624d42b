"""The authors' image checkpoints (github.com/Genera1Z/DIAS at cc1d545), read without running code."""

import pickle
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from torch import Tensor

from dias.backbones import BackboneConfig
from dias.errors import CheckpointError
from dias.files import cache_folder, sha256
from dias.interop.timm_vit import save_as_hugging_face
from dias.models.image import ImageModel, ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSeparateConfig, NormalSharedConfig

_PREFIX, _VIT = "m.", "encode_backbone.1."
# Our name of a part, and theirs.
_NAMES = (
    ("projection.", "encode_project."),
    ("queries.mean", "initializ.mean"),
    ("queries.log_std", "initializ.logstd"),
    ("aggregation.competition.norm_slots.", "aggregat.norm1q."),
    ("aggregation.competition.norm_tokens.", "aggregat.norm1kv."),
    ("aggregation.competition.norm_update.", "aggregat.norm2."),
    ("aggregation.competition.query.", "aggregat.proj_q."),
    ("aggregation.competition.key.", "aggregat.proj_k."),
    ("aggregation.competition.value.", "aggregat.proj_v."),
    ("aggregation.competition.gru.", "aggregat.rnn."),
    ("aggregation.competition.mlp.", "aggregat.ffn."),
    ("decoder.mask_token", "decode.mask_token"),
    ("decoder.positions", "decode.posit_embed._pe"),
    ("decoder.token_in.", "decode.project1."),
    ("decoder.slot_in.", "decode.project2."),
    ("decoder.norm_in.", "decode.norm0."),
    ("decoder.out.", "decode.readout."),
    ("decoder.layers.", "decode.backbone.layers."),
)
_NAMES_IN_LAYER = (
    ("self_attention.", "self_attn."),
    ("cross_attention.", "multihead_attn."),
    ("norm_self.", "norm1."),
    ("norm_cross.", "norm2."),
    ("norm_mlp.", "norm3."),
    ("mlp.0.", "linear1."),
    ("mlp.2.", "linear2."),
)
_NAMES_IN_ATTENTION = (
    ("to_queries.weight", "in_proj_weight"),
    ("to_keys_values.weight", "in_proj_weight"),
    ("out.", "out_proj."),
)


def load_official(
    path: str | Path, heads: int = 4, *, slots: int = 7, backbone_folder: Path | None = None
) -> ImageModel:
    """Build the model that a .pth file of the authors holds, in evaluation mode; sizes come from the file.

    *Differs from the authors' code:* theirs has no redundancy reduction (their README says so). What they
    evaluate is `from_features(..., reduce=False)`; the default is the whole method with the same weights.

    Args:
        path: a state dict, names with or without the prefix `m.`; the ViT may be missing.
        heads: of the decoder's attention, which the file does not tell.
        slots: how many, where all are drawn from one Gaussian and the file does not tell either.
        backbone_folder: where a ViT that is inside goes, as a Hugging Face folder; a folder of its own in the
            user's cache when None.

    Returns:
        The model. Its backbone is the ViT of the file, or None.

    Raises:
        CheckpointError: the file cannot be read, or is of another architecture.
        SettingError: `heads` does not divide the decoder's width.
        FileError: the ViT could not be written.
    """
    file = Path(path)
    state = _read(file)
    vit = {name.removeprefix(_VIT): value for name, value in state.items() if name.startswith(_VIT)}
    head = {name: value for name, value in state.items() if not name.startswith(_VIT)}
    config = _config(file, head, heads=heads, slots=slots)
    model = config.build()
    _fill(model, head, file=file)
    if not vit:
        return model.eval()
    assert isinstance(config.backbone, BackboneConfig)
    folder = backbone_folder or cache_folder() / "official" / sha256(file)[:16]
    save_as_hugging_face(vit, folder, origin=file)
    settings = replace(config.backbone, path=str(folder.resolve()))
    whole = replace(config, backbone=settings).build(backbone=settings.build())
    whole.load_state_dict(model.head_state(), strict=False)
    return whole.eval()


def _read(file: Path) -> dict[str, Tensor]:
    """The state dict in a file, without the prefix."""
    if not file.is_file():
        raise CheckpointError(file, "does not exist", do="give a .pth file that the authors released")
    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        BadZipFile,
        ValueError,
        KeyError,
        SafetensorError,  # torch.load reads .safetensors too
    ) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            file,
            f"is no PyTorch file of tensors alone ({reason[:100]})",
            do="it may be truncated, or hold code, which is refused; download it again",
        ) from None
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise CheckpointError(
            file, "holds no flat state dict", do="give a .pth file that the authors released"
        )
    return {str(name).removeprefix(_PREFIX): value for name, value in stored.items()}


def _config(file: Path, head: dict[str, Tensor], *, heads: int, slots: int) -> ImageModelConfig:
    """Settings, as the tensors' shapes tell them; `_fill` then holds every shape against them."""
    gaussian = _tensor(file, head, "initializ.mean", axes=3)
    positions = _tensor(file, head, "decode.posit_embed._pe", axes=3)
    channels = len(_tensor(file, head, "encode_project.0.weight", axes=1))
    layers = {name.split(".")[3] for name in head if name.startswith("decode.backbone.layers.")}
    own = gaussian.shape[1]
    return ImageModelConfig(
        backbone=BackboneConfig(
            name="facebook/dinov2-with-registers-small", final_norm=False, input_size=224
        ),
        channels=channels,
        positions=positions.shape[1],
        queries=NormalSharedConfig(slots=slots) if own == 1 else NormalSeparateConfig(slots=own),
        aggregation=AggregationConfig(slot_dim=gaussian.shape[2], iterations=3),
        decoder=RandomARConfig(
            layers=len(layers),
            heads=heads,
            width=None if positions.shape[2] == channels else positions.shape[2],
        ),
    )


def _tensor(file: Path, head: dict[str, Tensor], name: str, *, axes: int) -> Tensor:
    if name not in head:
        raise CheckpointError(
            file, f"lacks {name}", do="only image checkpoints of the authors' DIAS can be read"
        )
    if head[name].ndim != axes:
        raise CheckpointError(file, f"has {name} with {head[name].ndim} axes, expected {axes}")
    return head[name]


@torch.no_grad()
def _fill(model: ImageModel, head: dict[str, Tensor], *, file: Path) -> None:
    own = model.head_state()
    found = {ours: _part(ours, head) for ours in own}
    known = {_theirs(ours) for ours in own}
    faults = [f"{_theirs(ours)} missing" for ours, value in found.items() if value is None]
    faults += [f"{theirs} unknown" for theirs in head.keys() - known]
    faults += [
        f"{_theirs(ours)} gives {tuple(value.shape)}, expected {tuple(own[ours].shape)}"
        for ours, value in found.items()
        if value is not None and value.shape != own[ours].shape
    ]
    if faults:
        shown = ", ".join(sorted(set(faults))[:3])
        raise CheckpointError(
            file,
            f"does not hold the authors' DIAS for images: {len(set(faults))} tensors differ ({shown})",
            do="other methods and video checkpoints cannot be read",
        )
    for ours, value in found.items():
        assert value is not None
        own[ours].copy_(value)


def _part(ours: str, head: dict[str, Tensor]) -> Tensor | None:
    """The tensor that is ours, or None; queries, keys and values are one matrix of theirs, row by row."""
    value = head.get(_theirs(ours))
    if value is None or "_attention.to_" not in ours:
        return value
    third = len(value) // 3
    return value[:third] if ours.endswith("to_queries.weight") else value[third:]


def _theirs(ours: str) -> str:
    """Their name of one of our tensors."""
    name = _renamed(ours, _NAMES)
    if not ours.startswith("decoder.layers."):
        return name
    place, number, part = ours.removeprefix("decoder.").split(".", 2)
    part = _renamed(part, _NAMES_IN_LAYER)
    block, dot, rest = part.partition(".")
    return f"decode.backbone.{place}.{number}.{block}{dot}{_renamed(rest, _NAMES_IN_ATTENTION)}"


def _renamed(name: str, table: tuple[tuple[str, str], ...]) -> str:
    for ours, theirs in table:
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name
