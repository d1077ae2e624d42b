"""What a run will need of memory and disk, against what is free; told before it starts."""

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dias.backbones import Tokens
from dias.data.samples import ImageSource
from dias.errors import DiasError
from dias.models.clip import ClipModel
from dias.models.image import ImageModel
from dias.objectives import clip_loss, image_loss
from dias.precision import arithmetic
from dias.training.data import PCA_TOKENS
from dias.training.recipe import Recipe

_GB = 1e9
_PROGRAM = 0.55 * _GB  # Python with torch, Lightning and transformers, and nothing in them
_WORKER = 0.12 * _GB  # what a worker does not share with the process that it was forked from
_AHEAD = 2  # batches that each worker has ready
_BACKBONE = 8  # float32 numbers of a token's width that a frozen layer holds at once
_FITTING = 24  # bytes of each number that the reduction of features is fitted on: float32 and float64, twice
_VALIDATED = 32  # pictures at once
_SHEET = 1_000_000  # bytes of a progress picture: six photographs and their overlays as PNG
_LINE = 600  # bytes of journal and TensorBoard, every ten steps and every validation


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Estimates in bytes; docs say how far they were off where it was measured.

    Attributes:
        weights: weights, gradients and Adam's two moments, and the frozen backbone.
        activations: what a process's part of a batch keeps for its gradient, and a frozen layer's numbers.
        fitting: of the reduction of features, before the first step.
        data: held-out pictures with their features, batches that wait, and worker processes.
        processes: training processes on this machine.
        disk: checkpoints, pictures and journal at the end, and one more state while it is replaced.
    """

    weights: int
    activations: int
    fitting: int
    data: int
    processes: int
    disk: int

    @property
    def memory(self) -> int:
        """Main memory at the peak, where everything is on the CPU."""
        most = max(self.activations, self.fitting)
        return self.processes * (int(_PROGRAM) + self.weights + most + self.data)

    def tell(self, folder: Path, *, gpu: bool, shown: bool) -> None:
        """Say it on standard error; `folder` is the run's.

        Raises:
            DiasError: the disk has too little room.
        """
        free = shutil.disk_usage(_existing(folder)).free
        to_come = max(self.disk - _size(folder), 0)
        if to_come > free:
            raise DiasError(
                f"{folder}: the run will need {_gb(to_come)}, {_gb(free)} are free; free space, or choose "
                "another --out"
            )
        needed, there, where = self._memory(gpu=gpu)
        parts = f"weights {_gb(self.weights)}, activations {_gb(self.activations)}, data {_gb(self.data)}"
        if self.fitting and not gpu:
            parts += f", or before the first step {_gb(self.fitting)} to fit the reduction of features"
        several = f", {self.processes} processes" if self.processes > 1 else ""
        room = "" if there is None else f"; {_gb(there)} are free"
        lines = [
            f"{where}: about {_gb(needed)} ({parts}{several}){room}",
            f"disk: about {_gb(to_come)} in {folder}; {_gb(free)} are free",
        ]
        if there is not None and needed > there:
            lines.append("warning: memory may not suffice; raise training.accumulate, which changes no batch")
        if shown or len(lines) > 2:
            print("\n".join(lines), file=sys.stderr)

    def _memory(self, *, gpu: bool) -> tuple[int, int | None, str]:
        if gpu:
            return self.weights + self.activations, torch.cuda.mem_get_info()[0], "GPU memory"
        return self.memory, free_memory(), "memory"


def needs_of(
    recipe: Recipe, whole: ImageModel | ClipModel, validation: ImageSource, *, devices: int, nodes: int
) -> Needs:
    """Estimate what a run needs; sends one picture's worth of features through the model, or one clip's."""
    training = recipe.training
    frames = 1 if recipe.clip is None else recipe.clip.frames
    part = recipe.pictures // (devices * nodes * training.accumulate)
    head = sum(value.nbytes for value in whole.head_state().values())
    model = whole.image if isinstance(whole, ClipModel) else whole
    backbone = model.backbone
    assert backbone is not None
    frozen = sum(value.nbytes for value in backbone.parameters())
    tokens = model.config.positions * model.config.channels * 4
    held_out = len(validation) if recipe.clip else min(len(validation), recipe.data.validation_images)
    pixels = recipe.data.size**2
    workers = 0 if recipe.data.cache else recipe.data.readers(devices=devices)
    validations = training.steps // training.validate_every + 1
    return Needs(
        weights=frozen + (5 if devices * nodes > 1 else 4) * head,  # DDP sends gradients from a copy
        activations=part // frames * _kept_for_gradient(recipe, whole)
        + max(part, min(held_out, _VALIDATED)) * _BACKBONE * tokens,
        fitting=_FITTING * PCA_TOKENS * model.config.channels if model.config.pca else 0,
        data=held_out * (tokens // 2 + 12 * pixels)
        + workers * int(_WORKER)
        + (workers * _AHEAD + 2) * part * (3 * pixels if not recipe.data.cache else tokens // 2),
        processes=devices,
        disk=(2 * head + 2 * 3 * head) + validations * _SHEET + (training.steps // 10 + validations) * _LINE,
    )


def free_memory() -> int | None:
    """Bytes of main memory that may still be taken, if the system says so (Linux, with a job's limit)."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        group = Path("/sys/fs/cgroup") / Path("/proc/self/cgroup").read_text().rpartition("::/")[2].strip()
        limit, used = ((group / f"memory.{what}").read_text().strip() for what in ("max", "current"))
        if limit != "max":
            found.append(max(int(limit) - int(used), 0))
    except (OSError, ValueError, IndexError):
        pass
    return min(found, default=None)


def _kept_for_gradient(recipe: Recipe, whole: ImageModel | ClipModel) -> int:
    """Bytes that the loss of one picture, or clip, keeps for the backward pass, counted."""
    own = {value.untyped_storage().data_ptr() for value in whole.parameters()}
    model = whole.image if isinstance(whole, ClipModel) else whole
    frames = 1 if recipe.clip is None else recipe.clip.frames
    kept: dict[int, int] = {}

    def count(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    config = model.config
    mode, device = whole.training, next(model.parameters()).device
    half = arithmetic(recipe.training.precision, device) == torch.bfloat16
    before = {name: value.clone() for name, value in whole.named_buffers()}  # some follow what they see
    whole.train()
    with (
        torch.random.fork_rng(),
        torch.autocast(device.type, torch.bfloat16, enabled=half),
        torch.autograd.graph.saved_tensors_hooks(count, lambda value: value),
    ):
        features = torch.randn(frames, config.positions, config.channels, device=device)
        images = torch.zeros(frames, 3, recipe.data.size, recipe.data.size, dtype=torch.uint8, device=device)
        assert model.backbone is not None
        grid, flow = model.backbone.grid(*images.shape[-2:]), images[:, :2].float()
        seen = Tokens(features=features, grid=grid, images=images, flow=flow, keys=features)
        if model.last_blocks is not None:
            prefix = torch.zeros(frames, model.last_blocks.prefix, config.channels, device=device)
            seen = replace(seen, unfinished=torch.cat([prefix, features], dim=1))
        if isinstance(whole, ClipModel):
            found = whole.from_tokens(seen, frames=frames)
            clip_loss(found, config=recipe.objective, progress=1.0)
        else:
            image_loss(whole.from_tokens(seen), config=recipe.objective, progress=1.0)
    whole.train(mode)
    for name, value in whole.named_buffers():
        value.copy_(before[name])
    return sum(kept.values())


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _gb(count: int) -> str:
    return f"{count / _GB:.2f} GB" if count >= 0.1 * _GB else f"{count / 1e6:.0f} MB"
