"""Looks at held-out pictures now and then: scores choose the best checkpoint, pictures show progress."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from dias.backbones.frozen import FrozenBackbone
from dias.data.loaders import evaluation_batches
from dias.data.samples import ImageSource, Skipped
from dias.errors import DiasError
from dias.files import write_atomic
from dias.masks import label_map
from dias.metrics import mean_over_valid, segmentation_scores
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput
from dias.training.journal import Journal
from dias.training.module import ImageTraining
from dias.training.progress import TrainingProgress
from dias.training.saving import Saving
from dias.viz.overlay import overlay
from dias.viz.panels import contact_sheet

_PICTURES = 6
_BATCH = 32
_NOISE_SEED = 0


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """One batch of held-out pictures, with the features that never change."""

    images: UInt8[Tensor, "b 3 h w"]
    features: Float[Tensor, "b m c"]
    grid: tuple[int, int]
    masks: Int64[Tensor, "b h w"] | None
    valid: Bool[Tensor, "b h w"] | None


def look_at(
    source: ImageSource,
    backbone: FrozenBackbone,
    *,
    size: int,
    batch: int,
    device: torch.device,
    skipped: list[Skipped] | None = None,
) -> list[HeldOut]:
    """Read held-out pictures once and keep their features (fp16) in memory.

    Args:
        source: the pictures.
        backbone: where features come from.
        size: side of the centre square, pixels.
        batch: pictures at once.
        device: of the backbone.
        skipped: pictures that cannot be read are left out and added here; None: stop at the first.

    Raises:
        SampleError: a picture cannot be read and `skipped` is None.
        DiasError: none of them can be read.
    """
    found = []
    for seen in evaluation_batches(source, size=size, batch=batch, skipped=skipped):
        tokens = backbone(seen.images.to(device))
        valid = None if seen.ignore is None else ~seen.ignore
        found.append(
            HeldOut(
                images=seen.images,
                features=tokens.features.half().cpu(),
                grid=tokens.grid,
                masks=seen.masks,
                valid=valid,
            )
        )
    if not found:
        first = f" (the first: {skipped[0].name}, {skipped[0].reason})" if skipped else ""
        raise DiasError(f"data.validation: no picture can be read{first}")
    return found


class Validation(L.Callback):
    """Scores held-out pictures every so many steps, then lets `Saving` write what has been reached.

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
        saving: Saving,
        journal: Journal,
        progress: TrainingProgress | None = None,
    ) -> None:
        self.source = source
        self.size = size
        self.folder = folder
        self.every = every
        self.skip_bad = skip_bad
        self.saving = saving
        self.journal = journal
        self.progress = progress
        self.held_out: list[HeldOut] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read the held-out pictures, on the device that the model is on by now."""
        assert isinstance(pl_module, ImageTraining)
        backbone = pl_module.model.backbone
        assert backbone is not None
        skipped = list[Skipped]() if self.skip_bad else None
        self.held_out = look_at(
            self.source, backbone, size=self.size, batch=_BATCH, device=pl_module.device, skipped=skipped
        )
        if trainer.is_global_zero:
            for file in skipped or []:
                print(f"validation leaves out {file.name}: {file.reason}", file=sys.stderr)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Validate when it is time, and after the last step."""
        step = trainer.global_step
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not stepped or (step % self.every and step != trainer.max_steps):
            return
        assert isinstance(pl_module, ImageTraining)
        model = pl_module.model
        model.eval()
        try:
            scores = validate(model, self.held_out, device=pl_module.device)
            self.journal.write(trainer, {f"val_{name}": value for name, value in scores.items()})
            if trainer.is_global_zero:
                self._draw(model, step, pl_module.device)
        finally:
            model.train()
        if self.progress is not None:
            self.progress.foreground = scores.get("ari_foreground")
        self.saving.save(trainer, pl_module, scores=scores, score=_preference(scores))

    @torch.no_grad()
    def _draw(self, model: ImageModel, step: int, device: torch.device) -> None:
        """Pictures of the first held-out images, under `pictures/` in the run's folder."""
        first = self.held_out[0]
        labels, _, _ = _segment(model, first, device=device)
        rows = []
        for image, found in zip(first.images[:_PICTURES], labels[:_PICTURES].cpu(), strict=True):
            picture = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
            rows.append([picture, overlay(picture, found.numpy().astype(np.int32))])
        sheet = contact_sheet(rows, titles=["image", f"step {step}"])
        file = self.folder / "pictures" / f"step-{step:06d}.png"
        write_atomic(file, lambda stream: Image.fromarray(sheet).save(stream, "PNG"))


@torch.no_grad()
def validate(model: ImageModel, held_out: Sequence[HeldOut], *, device: torch.device) -> dict[str, float]:
    """Mean scores (0 to 1) of the final segmentation, the reconstruction error, and the slots kept."""
    collected: dict[str, list[Tensor]] = {}
    for batch in held_out:
        labels, kept, error = _segment(model, batch, device=device)
        collected.setdefault("reconstruction", []).append(error.double().cpu())
        collected.setdefault("slots_kept", []).append(kept.sum(dim=1).double().cpu())
        if batch.masks is None:
            continue
        scores = segmentation_scores(labels, batch.masks.to(device), valid=_to(batch.valid, device))
        for name in ("ari", "ari_foreground", "mbo", "miou"):
            collected.setdefault(name, []).append(getattr(scores, name).cpu())
    return {name: float(mean_over_valid(torch.cat(values))) for name, values in collected.items()}


def _segment(
    model: ImageModel, batch: HeldOut, *, device: torch.device
) -> tuple[Int64[Tensor, "b h w"], Bool[Tensor, "b n"], Float[Tensor, " b"]]:
    generator = torch.Generator().manual_seed(_NOISE_SEED)  # the same queries at every validation
    output = model.from_features(batch.features.to(device).float(), generator=generator)
    error = _reconstruction_error(model, output, generator=generator)
    attention = output.decoder_attention if output.decoder_attention is not None else output.attention[-1]
    height, width = batch.images.shape[-2:]
    labels = label_map(attention, grid=batch.grid, size=(height, width), kept=output.mask)
    return labels, output.mask, error


def _reconstruction_error(
    model: ImageModel, output: SlotOutput, *, generator: torch.Generator
) -> Float[Tensor, " b"]:
    """As in training, with most tokens hidden: a decoder that is given all of them need not ask the slots."""
    model.decoder.train()
    try:
        decoded = model.decoder(output.slots, output.mask, output.target, generator=generator)
    finally:
        model.decoder.eval()
    error: Tensor = (decoded.reconstruction - output.target).square().mean(dim=(1, 2))
    return error


def _preference(scores: dict[str, float]) -> float:
    """What makes one checkpoint better than another: mBO and mIoU; without masks, the reconstruction."""
    if "mbo" in scores:
        return (scores["mbo"] + scores["miou"]) / 2
    return -scores["reconstruction"]


def _to(value: Tensor | None, device: torch.device) -> Tensor | None:
    return None if value is None else value.to(device)
