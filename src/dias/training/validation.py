"""Looks at held-out pictures now and then: scores choose the best checkpoint, pictures show progress."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from dias.data.samples import ImageSource
from dias.evaluation.agreement import scores_by
from dias.evaluation.protocol import rules_of
from dias.files import write_atomic
from dias.masks.resize import label_map
from dias.metrics import mean_over_valid
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput
from dias.nn.decoders.counted import decode
from dias.training.cost import CostMeter
from dias.training.held_out import HeldOut, Place, everyones, look_at
from dias.training.interruption import Listening
from dias.training.journal import Journal
from dias.training.module import ImageTraining, Training
from dias.training.progress import TrainingProgress
from dias.training.saving import Saving
from dias.viz.overlay import overlay
from dias.viz.panels import contact_sheet

_PICTURES = 6
_BATCH = 32
_NOISE_SEED = 0
_RULES = rules_of("dias")  # of its scores; masks are compared at the recipe's own size


class Validation(L.Callback):
    """Scores held-out pictures every so many steps, then lets `Saving` write what has been reached.

    Each process scores its share of the pictures; the means are over all of them, by the protocol `dias`.
    It runs as a callback right after an optimizer step, so that a resumed run validates at the same steps and
    chooses the same checkpoint as one that was never stopped.
    """

    def __init__(
        self,
        source: ImageSource,
        *,
        size: int,
        folder: Path,
        every: int,
        skip_bad: bool,
        listening: Listening,
        saving: Saving,
        journal: Journal,
        cost: CostMeter,
        progress: TrainingProgress | None = None,
    ) -> None:
        self.source = source
        self.size = size
        self.folder = folder
        self.every = every
        self.skip_bad = skip_bad
        self.listening = listening
        self.saving = saving
        self.journal = journal
        self.cost = cost
        self.progress = progress
        self.held_out: list[HeldOut] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read the held-out pictures, on the device that the model is on by now; not after a signal."""
        assert isinstance(pl_module, Training)
        with self.cost.validating():
            self.held_out, skipped = look_at(
                self.source,
                pl_module.see,
                size=self.size,
                batch=_BATCH,
                device=pl_module.device,
                together=self.together(),
                skip_bad=self.skip_bad,
                place=Place(rank=trainer.global_rank, world=trainer.world_size),
                ended=lambda: self.listening.asked > 0,
            )
        if trainer.is_global_zero:
            for file in skipped:
                print(f"validation leaves out {file.name}: {file.reason}", file=sys.stderr)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Validate when it is time, and after the last step."""
        step = trainer.global_step
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not stepped or (step % self.every and step != trainer.max_steps):
            return
        assert isinstance(pl_module, Training)
        with self.cost.validating():
            self._validate(trainer, pl_module)

    def _validate(self, trainer: L.Trainer, pl_module: Training) -> None:
        pl_module.eval()
        try:
            scores = self.scores(pl_module)
            self.journal.write(trainer, {f"val_{name}": value for name, value in scores.items()})
            if trainer.is_global_zero and self.held_out:
                self._draw(pl_module, trainer.global_step)
        finally:
            pl_module.train()
        if self.progress is not None:
            self.progress.foreground = scores.get("ari_foreground")
        self.saving.save(trainer, pl_module, scores=scores, score=self.preference(scores))

    def together(self) -> Sequence[Sequence[int]] | None:
        """Places of held-out pictures that are one batch, such as a clip's frames; None: as many as fit."""
        return None

    def shown(self, pictures: int, *, most: int) -> Sequence[int]:
        """Which of a batch's pictures are drawn."""
        return range(min(most, pictures))

    def scores(self, module: Training) -> dict[str, float]:
        """What a validation finds, by name."""
        assert isinstance(module, ImageTraining)
        return validate(module.model, self.held_out, device=module.device)

    def preference(self, scores: dict[str, float]) -> float:
        """What makes one checkpoint better than another: mBO and mIoU; without them, the reconstruction.

        They are missing without masks, and not a number where no picture's mask shows an object.
        """
        overlap = (scores["mbo"] + scores["miou"]) / 2 if "mbo" in scores else math.nan
        return -scores["reconstruction"] if math.isnan(overlap) else overlap

    def drawn(self, module: Training, batch: HeldOut) -> list[UInt8[np.ndarray, "h w 3"]]:
        """A picture of what is found in each picture of a batch."""
        assert isinstance(module, ImageTraining)
        model, seen = module.model, batch.tokens(module.device)
        output = model.from_tokens(seen, decode=model.decoder.gives_map, generator=fixed_noise())
        labels = labels_of(output, batch).cpu()
        return [painted(image, found) for image, found in zip(batch.images, labels, strict=True)]

    @torch.no_grad()
    def _draw(self, module: Training, step: int) -> None:
        """Pictures of the first held-out images, under `pictures/` in the run's folder."""
        first = self.held_out[0]
        pictures = self.drawn(module, first)
        places = self.shown(len(pictures), most=_PICTURES)
        rows = [[_pixels(first.images[place]), pictures[place]] for place in places]
        sheet = contact_sheet(rows, titles=["image", f"step {step}"])
        file = self.folder / "pictures" / f"step-{step:06d}.png"
        write_atomic(file, lambda stream: Image.fromarray(sheet).save(stream, "PNG"))


def _pixels(image: UInt8[Tensor, "3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def painted(image: UInt8[Tensor, "3 h w"], labels: Int64[Tensor, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """A picture under the colours of its segments."""
    return overlay(_pixels(image), labels.numpy().astype(np.int32))


@torch.no_grad()
def validate(model: ImageModel, held_out: Sequence[HeldOut], *, device: torch.device) -> dict[str, float]:
    """Mean scores (0 to 1) of the final segmentation, the reconstruction error, and the slots kept.

    Means are over the images of all processes, which must all call it, those without a batch too.
    """
    mine = [(batch.number, _scores(model, batch, device=device)) for batch in held_out]
    parts = sorted((part for share in everyones(mine) for part in share), key=lambda part: part[0])
    names = dict.fromkeys(name for _, scores in parts for name in scores)
    values = {name: torch.cat([scores[name] for _, scores in parts if name in scores]) for name in names}
    return {name: float(mean_over_valid(found)) for name, found in values.items()}


def _scores(model: ImageModel, batch: HeldOut, *, device: torch.device) -> dict[str, Tensor]:
    """Values of each image, float64, on the CPU."""
    generator = fixed_noise()
    output = model.from_tokens(batch.tokens(device), generator=generator)
    error = reconstruction_error(model, output, generator=generator)
    found = {"reconstruction": error.double(), "slots_kept": output.mask.sum(dim=1).double()}
    if batch.masks is not None:
        labels = labels_of(output, batch)
        valid = None if batch.valid is None else batch.valid.to(device)
        scores = scores_by(_RULES, labels, batch.masks.to(device), valid=valid)
        found |= {name: getattr(scores, name) for name in ("ari", "ari_foreground", "mbo", "miou")}
    return {name: value.cpu() for name, value in found.items()}


def fixed_noise() -> torch.Generator:
    """The same queries at every validation."""
    return torch.Generator().manual_seed(_NOISE_SEED)


def labels_of(output: SlotOutput, batch: HeldOut) -> Int64[Tensor, "b h w"]:
    """Segment of each pixel, by the decoder's map if it has one."""
    attention = output.decoder_attention if output.decoder_attention is not None else output.attention[-1]
    height, width = batch.images.shape[-2:]
    return label_map(attention, grid=batch.grid, size=(height, width), kept=output.mask)


def reconstruction_error(
    model: ImageModel, output: SlotOutput, *, generator: torch.Generator
) -> Float[Tensor, " b"]:
    """At the task that training sets: a decoder that is given all tokens need not ask the slots."""
    assert output.error is not None
    assert output.target is not None
    if model.decoder.same_in_training:
        return output.error
    model.decoder.train()
    try:
        return decode(
            model.decoder,
            output.slots,
            output.mask,
            output.target,
            stand_in=output.stand_in,
            generator=generator,
        ).error
    finally:
        model.decoder.eval()
