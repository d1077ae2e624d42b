"""Lightning modules: the only places that know model, loss and data together."""

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import lightning as L
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor, nn

from dias.backbones import Backbone, Tokens
from dias.checkpoints import CHECKPOINT_KEY, header_of, save_model
from dias.data.loaders import Batch
from dias.errors import TrainingError
from dias.features.kept import parted
from dias.models.image import ImageModel
from dias.nn.chance import Share, uniform
from dias.objectives import Loss, image_loss
from dias.training.recipe import Recipe
from dias.training.schedule import learning_rate_share
from dias.training.teacher import Teacher


class Training(L.LightningModule, ABC):
    """What all kinds of training share: steps, optimizer, and what is kept of them.

    Every random number of a step comes from (seed, step, place in the step's whole batch): a resumed run
    needs no saved random state, and the number of processes and of accumulated parts changes nothing.

    Attributes:
        recipe: of the run.
        backbone: of the pictures; frozen.
    """

    recipe: Recipe
    backbone: Backbone

    @abstractmethod
    def loss(self, batch: Batch, *, part: int) -> dict[str, Tensor]:
        """Loss of a part of a step's batch: the sum under `loss`, and its parts by name."""

    @abstractmethod
    def trained(self) -> dict[str, Tensor]:
        """Everything that training changes, by name; the frozen backbone stays out."""

    @abstractmethod
    def save(self, file: Path, *, notes: dict[str, Any]) -> None:
        """Write what has been trained so far as a checkpoint of its own."""

    def see(self, images: UInt8[Tensor, "b 3 h w"]) -> Tokens:
        """What never changes of pictures."""
        seen: Tokens = self.backbone(images)
        return seen

    def seen(self, batch: Batch) -> Tokens:
        """What never changes of a batch: from the cache, or of the pictures."""
        if batch.features is None:
            assert batch.images is not None
            return self.see(batch.images)
        side = self.recipe.data.size
        rows, columns = self.backbone.grid(side, side)
        kept = parted(batch.features.float(), tokens=rows * columns, channels=self.backbone.channels)
        return Tokens(
            features=kept.features,
            grid=(rows, columns),
            images=batch.images,
            keys=kept.keys,
            unfinished=kept.unfinished,
        )

    def reductions(self, size: int, *, chance: Share, device: torch.device) -> Bool[Tensor, " b"] | bool:
        """For which of `size` rows of a batch redundancy is reduced, by the recipe; drawn in any case."""
        probability = self.recipe.training.reduction_at(self.progress())
        chosen = uniform(size, chance=chance, device=device) < probability
        return chosen if probability > 0 else False

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the step, the same in each of its parts: `Share` draws for all of them."""
        torch.manual_seed(_mixed(self.recipe.training.seed, self.global_step, 0, 0))  # 0: as it always was

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Loss of one batch; the parts go to the journal and the progress bar."""
        parts = self.loss(batch, part=batch_idx % self.recipe.training.accumulate)
        return {name: value if name == "loss" else value.detach() for name, value in parts.items()}

    def chance(self, size: int, *, part: int) -> Share:
        """The place of `size` rows in the step's whole batch."""
        place = part * self.trainer.world_size + self.global_rank
        return Share(start=place * size, total=self.recipe.training.batch)

    def progress(self) -> float:
        """Share of the steps that are made, 0 to 1."""
        return self.global_step / self.recipe.training.steps

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
        training = self.recipe.training
        kind = math.inf if training.clip_norm == "max" else 2.0
        norm = torch.nn.utils.clip_grad_norm_(self._weights(), training.clip, norm_type=kind)
        if not bool(norm.isfinite()):
            raise TrainingError(
                f"step {self.global_step}: loss or gradient is not a number, the weights are untouched. "
                "Go on from the last saved state, if there is one, with --resume; or train anew with a lower "
                "training.lr or training.precision=fp32"
            )

    def configure_optimizers(self) -> Any:
        """Adam over everything but the frozen backbone, with the recipe's schedule."""
        training = self.recipe.training
        optimizer = torch.optim.Adam(self._weights(), lr=training.lr, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_share(
                step, steps=training.steps, warmup=training.warmup, floor=training.floor
            ),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _weights(self) -> list[nn.Parameter]:
        return [value for value in self.parameters() if value.requires_grad]

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch; Lightning itself refuses frozen dataclasses."""
        return batch.to(device)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Everything that is trained; the frozen backbone stays out of the saved state."""
        return {f"model.{name}": value for name, value in self.trained().items()}

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Read what `state_dict` wrote."""
        own = self.state_dict()
        if own.keys() != state_dict.keys():
            odd = sorted(own.keys() ^ state_dict.keys())[:3]
            raise TrainingError(f"the saved state is of another architecture ({', '.join(odd)}); train anew")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state_dict[name])


class ImageTraining(Training):
    """Trains an image model by a recipe.

    Args:
        recipe: what to do.
        model: with its backbone.
        teacher: of an earlier stage, that the model learns from.
    """

    def __init__(self, recipe: Recipe, model: ImageModel, *, teacher: Teacher | None = None) -> None:
        super().__init__()
        assert model.backbone is not None
        self.recipe = recipe
        self.model = model
        self.backbone = model.backbone
        self.teacher = teacher

    def loss(self, batch: Batch, *, part: int) -> dict[str, Tensor]:
        """As the recipe's objective says."""
        seen, progress = self.seen(batch), self.progress()
        size, device = len(seen.features), seen.features.device
        chance = self.chance(size, part=part)
        reduce = self.reductions(size, chance=chance, device=device)
        taught = None if self.teacher is None else self.teacher(seen, generator=chance)
        output = self.model.from_tokens(seen, reduce=reduce, generator=chance, progress=progress)
        return parts_of(image_loss(output, config=self.recipe.objective, progress=progress, teacher=taught))

    def see(self, images: UInt8[Tensor, "b 3 h w"]) -> Tokens:
        """What the model is given of pictures."""
        return self.model.see(images)

    def trained(self) -> dict[str, Tensor]:
        """The model but for its backbone."""
        return self.model.head_state()

    def save(self, file: Path, *, notes: dict[str, Any]) -> None:
        """Write the model."""
        save_model(file, self.model, notes=notes)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say in Lightning's file too which model it is of, for `dias convert`."""
        notes = {"step": self.global_step, "seed": self.recipe.training.seed}
        checkpoint[CHECKPOINT_KEY] = header_of(self.model, notes=notes)


def parts_of(loss: Loss) -> dict[str, Tensor]:
    """The parts of a loss by name, as the journal has them; the sum under `loss`."""
    named = {"loss": loss.total, "reconstruction": loss.reconstruction, "distillation": loss.distillation}
    return named | loss.penalties


def _mixed(*numbers: int) -> int:
    """One 63-bit seed out of several small numbers."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 0x9E3779B97F4A7C15 + number + 0x7F4A7C15) % 2**63
    return mixed
