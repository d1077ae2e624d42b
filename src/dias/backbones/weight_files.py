"""One file of weights without a Hugging Face folder around it: DINOv2 as Meta or Hugging Face names it."""

import json
import math
import re
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dias.errors import WeightsError

State = dict[str, Float[Tensor, "..."]]

_HEAD_WIDTH = 64  # of every DINOv2; the file does not tell
# Meta's names, in the order in which they are replaced, and those of files on the Hugging Face hub.
_RENAMED = (
    (r"^cls_token$", "embeddings.cls_token"),
    (r"^mask_token$", "embeddings.mask_token"),
    (r"^register_tokens$", "embeddings.register_tokens"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^norm\.", "layernorm."),
    (r"^blocks\.(\d+)\.", r"encoder.layer.\1."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.ls([12])\.gamma$", r".layer_scale\1.lambda1"),
    (r"\.mlp\.w12\.", ".mlp.weights_in."),
    (r"\.mlp\.w3\.", ".mlp.weights_out."),
)


def read_state(file: Path) -> State:
    """Read a .safetensors file, or a .pth file without executing what it holds.

    Raises:
        WeightsError: it cannot be read, or holds anything but tensors.
    """
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds for a damaged or unsafe file
        raise WeightsError(
            f"{file}: is no plain file of tensors ({type(error).__name__}); "
            "it may be truncated, or hold code, which is refused"
        ) from error
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise WeightsError(f"{file}: holds no mapping from names to tensors")
    return {str(name): value for name, value in stored.items()}


def settings_of(file: Path, state: State) -> tuple[dict[str, Any], State]:
    """Settings of the ViT in a file, and its tensors under Hugging Face's names.

    A config.json beside the file decides; without one the file must hold a DINOv2, which tells its own size.

    Raises:
        WeightsError: it is another model, or config.json cannot be read.
    """
    beside = file.with_name("config.json")
    if beside.is_file():
        try:
            settings = json.loads(beside.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"{beside}: cannot be read ({error})") from None
        return settings, state
    if "blocks.0.norm1.weight" in state:
        state = _renamed(state)
    if "encoder.layer.0.layer_scale1.lambda1" not in state or "embeddings.position_embeddings" not in state:
        raise WeightsError(
            f"{file}: is no DINOv2 that can be told by its names; put the model's config.json beside it, "
            "or give a Hugging Face folder"
        )
    return _dinov2(file, state), state


def _renamed(state: State) -> State:
    new: State = {}
    for name, value in state.items():
        for pattern, replacement in _RENAMED:
            name = re.sub(pattern, replacement, name)
        if ".attn.qkv." in name:
            for which, part in zip(("query", "key", "value"), value.chunk(3), strict=True):
                new[name.replace(".attn.qkv.", f".attention.attention.{which}.")] = part.contiguous()
        else:
            new[name] = value
    return new


def _dinov2(file: Path, state: State) -> dict[str, Any]:
    kernel = state["embeddings.patch_embeddings.projection.weight"]
    width, patch = kernel.shape[0], kernel.shape[-1]
    positions = state["embeddings.position_embeddings"].shape[1] - 1
    side = math.isqrt(positions)
    if side * side != positions or width % _HEAD_WIDTH:
        raise WeightsError(f"{file}: is no DINOv2: {positions} positions and {width} channels")
    gated = "encoder.layer.0.mlp.weights_in.weight" in state
    registers = state.get("embeddings.register_tokens")
    settings: dict[str, Any] = {
        "model_type": "dinov2" if registers is None else "dinov2_with_registers",
        "hidden_size": width,
        "num_attention_heads": width // _HEAD_WIDTH,
        "num_hidden_layers": len({name.split(".")[2] for name in state if name.startswith("encoder.layer.")}),
        "mlp_ratio": 4 if gated else len(state["encoder.layer.0.mlp.fc1.weight"]) // width,
        "image_size": side * patch,
        "patch_size": patch,
        "use_swiglu_ffn": gated,
    }
    if registers is not None:
        settings["num_register_tokens"] = registers.shape[1]
    return settings
