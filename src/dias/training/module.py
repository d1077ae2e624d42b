"""The Lightning module: the only place that knows model, loss and data together."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from dias.backbones.frozen import Tokens
from dias.data.loaders import Batch
from dias.errors import TrainingError
from dias.models.image import ImageModel
from dias.nn.chance import Share, uniform
from dias.objectives import Loss, image_loss
from dias.training.recipe import Recipe
from dias.training.schedule import learning_rate_share


class ImageTraining(L.LightningModule):
    """Trains an image model by a recipe.

    Every random number of a step comes from (seed, step, place in the step's whole batch): a resumed run
    needs no saved random state, and the number of processes and of accumulated parts changes nothing.
    """

    def __init__(self, recipe: Recipe, model: ImageModel) -> None:
        super().__init__()
        self.recipe = recipe
        self.model = model

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the step, the same in each of its parts: `Share` draws for all of them."""
        torch.manual_seed(_mixed(self.recipe.training.seed, self.global_step, 0, 0))  # 0: as it always was

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Loss of one batch; the parts go to the journal and the progress bar."""
        loss = self._loss(batch, part=batch_idx % self.recipe.training.accumulate)
        return {
            "loss": loss.total,
            "reconstruction": loss.reconstruction.detach(),
            "distillation": loss.distillation.detach(),
            **{name: value.detach() for name, value in loss.penalties.items()},
        }

    def _loss(self, batch: Batch, *, part: int) -> Loss:
        training = self.recipe.training
        seen = self._seen(batch)
        progress = self.global_step / training.steps
        probability = training.reduction_at(progress)
        size = len(seen.features)
        chance = Share(start=(part * self.trainer.world_size + self.global_rank) * size, total=training.batch)
        chosen = uniform(size, chance=chance, device=seen.features.device) < probability
        output = self.model.from_tokens(seen, reduce=chosen if probability > 0 else False, generator=chance)
        return image_loss(output, config=self.recipe.objective, progress=progress)

    def _seen(self, batch: Batch) -> Tokens:
        """Features from the cache, or of the pictures."""
        if batch.features is None:
            assert batch.images is not None
            return self.model.see(batch.images)
        backbone = self.model.backbone
        assert backbone is not None
        side = self.recipe.data.size
        return Tokens(features=batch.features.float(), grid=backbone.grid(side, side), images=batch.images)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient's norm; stop before one that is not a number reaches the weights.

        Done here because Lightning's own clipping refuses fused optimizers.

        Raises:
            TrainingError: says at which step, and what helps.
        """
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.training.clip)
        if not bool(norm.isfinite()):
            raise TrainingError(
                f"step {self.global_step}: loss or gradient is not a number, the weights are untouched. "
                "Go on from the last saved state, if there is one, with --resume; or train anew with a lower "
                "training.lr or training.precision=fp32"
            )

    def configure_optimizers(self) -> Any:
        """Adam over everything but the frozen backbone, with the recipe's schedule."""
        training = self.recipe.training
        weights = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=training.lr, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_share(
                step, steps=training.steps, warmup=training.warmup, floor=training.floor
            ),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch; Lightning itself refuses frozen dataclasses."""
        return batch.to(device)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Everything that is trained; the frozen backbone stays out of the saved state."""
        return {f"model.{name}": value for name, value in self.model.head_state().items()}

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Read what `state_dict` wrote."""
        own = self.state_dict()
        if own.keys() != state_dict.keys():
            odd = sorted(own.keys() ^ state_dict.keys())[:3]
            raise TrainingError(f"the saved state is of another architecture ({', '.join(odd)}); train anew")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state_dict[name])


def _mixed(*numbers: int) -> int:
    """One 63-bit seed out of several small numbers."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 0x9E3779B97F4A7C15 + number + 0x7F4A7C15) % 2**63
    return mixed
