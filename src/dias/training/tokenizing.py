"""Training of a tokenizer: before the model whose decoder explains its codes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt8
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
            features = self.seen(batch).features
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
    """Prefers the tokenizer that gives held-out pictures back with the smallest squared error.

    It also tells how much of the codebook those pictures use: a small error of few codes means that most are
    never learned (docs/methods/slate.md).
    """

    @torch.no_grad()
    def scores(self, module: Training) -> dict[str, float]:
        """What a validation finds in held-out pictures, over all processes.

        Returns:
            `reconstruction`, the mean squared error (0 to 1); `codes_used` and `perplexity` as in `Usage`, of
            the codes of all pictures together.
        """
        assert isinstance(module, TokenizerTraining)
        mine = [(batch.number, *_errors_and_codes(module, batch)) for batch in self.held_out]
        parts = sorted((part for share in everyones(mine) for part in share), key=lambda part: part[0])
        found = module.tokenizer.usage(torch.cat([codes for _, _, codes in parts]))
        error = float(torch.cat([errors for _, errors, _ in parts]).mean())
        return {"reconstruction": error, "codes_used": found.used, "perplexity": found.perplexity}

    def preference(self, scores: dict[str, float]) -> float:
        """A small error."""
        return -scores["reconstruction"]

    def drawn(self, module: Training, batch: HeldOut) -> list[UInt8[np.ndarray, "h w 3"]]:
        """What the tokenizer gives back of each picture."""
        assert isinstance(module, TokenizerTraining)
        given_back, _ = _through_codes(module, batch)
        found = (given_back * 255).round().to(torch.uint8).cpu()
        return [np.ascontiguousarray(one.permute(1, 2, 0).numpy()) for one in found]


def _errors_and_codes(
    module: TokenizerTraining, batch: HeldOut
) -> tuple[Float64[Tensor, " b"], Int64[Tensor, "b m"]]:
    """Squared error of each picture, and its codes; on the CPU."""
    given_back, codes = _through_codes(module, batch)
    truth = batch.images.to(module.device).double() / 255
    return (given_back.double() - truth).square().mean(dim=(1, 2, 3)).cpu(), codes.cpu()


@torch.no_grad()
def _through_codes(
    module: TokenizerTraining, batch: HeldOut
) -> tuple[Float[Tensor, "b 3 h w"], Int64[Tensor, "b m"]]:
    """Pictures through codes and back, at the size of the pictures; and the codes."""
    tokenizer, device = module.tokenizer, module.device
    seen = batch.images.to(device) if tokenizer.source == "images" else batch.features.to(device).float()
    coded = tokenizer.encode(seen)
    assert coded.codes is not None
    pictures = tokenizer.decode(coded.tokens).float()
    size = batch.images.shape[-2:]
    shown = torch.nn.functional.interpolate(pictures, size, mode="bilinear", antialias=True).clamp(0, 1)
    return shown, coded.codes
