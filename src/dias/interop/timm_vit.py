"""A DINOv2 ViT with registers under timm's names, written as a Hugging Face folder."""

import math
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from dias.errors import CheckpointError
from dias.files import write_atomic, write_json

_HEAD_WIDTH = 64  # of every DINOv2; the file does not tell
# timm's name within a block, and the one in files on the Hugging Face hub (every version reads it)
_IN_BLOCK = (
    ("attn.proj.", "attention.output.dense."),
    ("ls1.gamma", "layer_scale1.lambda1"),
    ("ls2.gamma", "layer_scale2.lambda1"),
)
_WHOLE = {
    "reg_token": "embeddings.register_tokens",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
}


def save_as_hugging_face(vit: dict[str, Tensor], folder: Path, *, origin: Path) -> None:
    """Write config.json and model.safetensors of a `Dinov2WithRegistersModel`.

    Args:
        vit: state dict of a timm ViT without class position (`no_embed_class`) and without its final norm.
        folder: where to; files in it are replaced whole.
        origin: file the weights came from, for error messages.

    Raises:
        CheckpointError: it is no such ViT.
        FileError: the folder cannot be written.
    """
    needed = ("cls_token", "reg_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight")
    missing = [name for name in needed if name not in vit]
    if missing:
        raise CheckpointError(
            origin, f"holds a ViT without {', '.join(missing)}", do="expected DINOv2 with registers"
        )
    config = _config(vit, origin=origin)
    state = _renamed(vit, origin=origin)
    width = config["hidden_size"]
    state["embeddings.mask_token"] = torch.zeros(1, width)  # part of the format, never used
    state["layernorm.weight"], state["layernorm.bias"] = torch.ones(width), torch.zeros(width)  # never used
    write_json(folder / "config.json", config)
    whole = save({n: value.float().contiguous().clone() for n, value in state.items()}, {"format": "pt"})
    write_atomic(folder / "model.safetensors", lambda stream: stream.write(whole))


def _config(vit: dict[str, Tensor], *, origin: Path) -> dict[str, Any]:
    width, _, patch, _ = vit["patch_embed.proj.weight"].shape
    tokens = vit["pos_embed"].shape[1]
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise CheckpointError(
            origin, f"holds a ViT with {tokens} positions, expected a square number of them"
        )
    if width % _HEAD_WIDTH:
        raise CheckpointError(origin, f"holds a ViT {width} wide, expected a multiple of {_HEAD_WIDTH}")
    blocks = {int(found[1]) for name in vit if (found := re.match(r"blocks\.(\d+)\.", name))}
    config: dict[str, Any] = {
        "architectures": ["Dinov2WithRegistersModel"],
        "model_type": "dinov2_with_registers",
        "hidden_size": width,
        "num_attention_heads": width // _HEAD_WIDTH,
        "num_hidden_layers": len(blocks),
        "mlp_ratio": len(vit["blocks.0.mlp.fc1.weight"]) // width,
        "image_size": side * patch,
        "patch_size": patch,
        "num_register_tokens": vit["reg_token"].shape[1],
        "layer_norm_eps": 1e-6,
        "qkv_bias": True,
        "use_swiglu_ffn": False,
    }
    return config


def _renamed(vit: dict[str, Tensor], *, origin: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    unknown = []
    for name, value in vit.items():
        if name == "cls_token":
            state["embeddings.cls_token"] = value
        elif name == "pos_embed":  # timm adds none to the class token
            state["embeddings.position_embeddings"] = torch.cat(
                [torch.zeros_like(value[:, :1]), value], dim=1
            )
        elif name in _WHOLE:
            state[_WHOLE[name]] = value
        elif name.startswith("blocks."):
            state |= _block_part(name, value)
        elif name not in ("norm.weight", "norm.bias"):  # features are taken before the final norm
            unknown.append(name)
    if unknown:
        raise CheckpointError(origin, f"holds a ViT with unknown parts: {', '.join(sorted(unknown)[:3])}")
    return state


def _block_part(name: str, value: Tensor) -> dict[str, Tensor]:
    _, number, part = name.split(".", 2)
    ours = f"encoder.layer.{number}."
    if part.startswith("attn.qkv."):
        kind = part.removeprefix("attn.qkv.")
        three = zip(("query", "key", "value"), value.chunk(3), strict=True)
        return {f"{ours}attention.attention.{which}.{kind}": piece for which, piece in three}
    for theirs, new in _IN_BLOCK:
        if part.startswith(theirs):
            return {ours + new + part.removeprefix(theirs): value}
    return {ours + part: value}
