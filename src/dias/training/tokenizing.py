"""Training of a tokenizer: before the model whose decoder explains its codes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dias.checkpoints import save_tokenizer
from dias.data.loaders import Batch
from dias.models.image import ImageModel
from dias.training.held_out import HeldOut, everyones
from dias.training.module import Training
from dias.training.recipe import Recipe
from dias.training.validation import Validation


class TokenizerTraining(Training):
    """Trains the tokenizer of a model; nothing else of the model is touched."""

    def __init__(self, recipe: Recipe, model: ImageModel) -> None:
        super().__init__()
        assert model.tokenizer is not None
        assert model.backbone is not None
        self.recipe = recipe
        self.tokenizer = model.tokenizer.requires_grad_(True)
        self.backbone = model.backbone

    def loss(self, batch: Batch, *, part: int) -> dict[str, Tensor]:
        """As the tokenizer itself says."""
        assert batch.images is not None
        features = None
        if self.tokenizer.source == "features":
            cached = batch.features
            features = self.backbone(batch.images).features if cached is None else cached.float()
        chance = self.chance(len(batch.images), part=part)
        parts = self.tokenizer.loss(batch.images, features, progress=self.progress(), generator=chance)
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}

    def trained(self) -> dict[str, Tensor]:
        """The tokenizer."""
        return dict(self.tokenizer.state_dict())

    def save(self, file: Path, *, notes: dict[str, Any]) -> None:
        """Write the tokenizer."""
        save_tokenizer(file, self.tokenizer, self.recipe.model, notes=notes)


class TokenizerValidation(Validation):
    """Prefers the tokenizer that gives held-out pictures back with the smallest squared error."""

    @torch.no_grad()
    def scores(self, module: Training) -> dict[str, float]:
        """Mean squared error (0 to 1) of held-out pictures, over all processes."""
        assert isinstance(module, TokenizerTraining)
        mine = [(batch.number, self._errors(module, batch)) for batch in self.held_out]
        parts = sorted((part for share in everyones(mine) for part in share), key=lambda part: part[0])
        return {"reconstruction": float(torch.cat([errors for _, errors in parts]).mean())}

    def preference(self, scores: dict[str, float]) -> float:
        """A small error."""
        return -scores["reconstruction"]

    def drawn(self, module: Training, batch: HeldOut) -> list[UInt8[np.ndarray, "h w 3"]]:
        """What the tokenizer gives back of each picture."""
        assert isinstance(module, TokenizerTraining)
        found = (_given_back(module, batch) * 255).round().to(torch.uint8).cpu()
        return [np.ascontiguousarray(one.permute(1, 2, 0).numpy()) for one in found]

    def _errors(self, module: TokenizerTraining, batch: HeldOut) -> Tensor:
        truth = batch.images.to(module.device).double() / 255
        return (_given_back(module, batch).double() - truth).square().mean(dim=(1, 2, 3)).cpu()


@torch.no_grad()
def _given_back(module: TokenizerTraining, batch: HeldOut) -> Float[Tensor, "b 3 h w"]:
    """Pictures through codes and back, at the size of the pictures."""
    tokenizer, device = module.tokenizer, module.device
    seen = batch.images.to(device) if tokenizer.source == "images" else batch.features.to(device).float()
    pictures = tokenizer.decode(tokenizer.encode(seen).tokens).float()
    size = batch.images.shape[-2:]
    return torch.nn.functional.interpolate(pictures, size, mode="bilinear", antialias=True).clamp(0, 1)
