"""Random ViTs of every family, small enough to make in a test: 28 pixels in patches of 7."""

from pathlib import Path

import torch
import transformers

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 7,
}
FAMILIES = {
    "dinov2": transformers.Dinov2Config(**SMALL, mlp_ratio=2),
    "dinov2_with_registers": transformers.Dinov2WithRegistersConfig(
        **SMALL, mlp_ratio=2, num_register_tokens=3
    ),
    "vit": transformers.ViTConfig(**SMALL, intermediate_size=64),
    "vit_mae": transformers.ViTMAEConfig(**SMALL, intermediate_size=64),
    "dinov3_vit": transformers.DINOv3ViTConfig(**SMALL, intermediate_size=64, num_register_tokens=4),
}


def make(folder: Path, family: str) -> transformers.PreTrainedModel:
    """Write a Hugging Face folder with random weights, positions and norms included; give the model."""
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(FAMILIES[family]).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
    return model
