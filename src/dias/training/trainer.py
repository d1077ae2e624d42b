"""Lightning's trainer for a run: where it computes, and what happens between steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lightning as L
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from dias.data.samples import ImageSource
from dias.errors import DiasError, SettingError, how_to_install
from dias.precision import arithmetic
from dias.training.company import Company
from dias.training.cost import CostMeter
from dias.training.interruption import Interruption, Listening
from dias.training.journal import Journal
from dias.training.progress import TrainingProgress
from dias.training.recipe import Recipe
from dias.training.saving import AtomicCheckpoints, Saving
from dias.training.validation import Validation

_JOURNAL_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a run happens; changes nothing about what it computes but its speed and rounding.

    Attributes:
        accelerator: auto takes a GPU when there is one.
        devices: processes a node.
        nodes: machines.
        logger: TensorBoard files in the run's folder, Weights & Biases, or neither.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    nodes: int = 1
    logger: Literal["tensorboard", "wandb", "none"] = "tensorboard"
    progress: bool = True


def make_trainer(
    recipe: Recipe,
    folder: Path,
    machine: Machine,
    validation: ImageSource,
    listening: Listening,
    cost: CostMeter,
    *,
    resume: bool,
    validating: type[Validation],
    data: Sequence[str],
) -> L.Trainer:
    """Make the trainer of a run.

    Args:
        recipe: of the run.
        folder: where the run is kept.
        machine: where it computes.
        validation: pictures to validate on.
        listening: hears signals.
        cost: measures the run.
        resume: whether the run goes on.
        validating: the kind of validation.
        data: fingerprints of what is trained on.

    Raises:
        DiasError: the batch does not divide, or there is no such accelerator.
    """
    training = recipe.training
    processes = machine.devices * machine.nodes
    if training.batch % (processes * training.accumulate):
        raise DiasError(
            f"setting training.batch: {training.batch} does not divide into {processes} processes "
            f"x {training.accumulate} accumulated parts"
        )
    saving, journal = Saving(folder, data=data), Journal(folder, every=_JOURNAL_EVERY)
    interruption = Interruption(folder, listening, resumed=resume)  # last: after a validation at its step
    progress = TrainingProgress(steps=training.steps, batch=recipe.pictures) if machine.progress else None
    looking = validating(
        validation,
        size=recipe.data.size,
        folder=folder,
        every=training.validate_every,
        skip_bad=recipe.data.bad_images == "skip",
        listening=listening,
        saving=saving,
        journal=journal,
        cost=cost,
        progress=progress,
    )
    cuda = torch.cuda.is_available()
    on_gpu = cuda and machine.accelerator != "cpu"
    half = arithmetic(training.precision, torch.device("cuda" if on_gpu else "cpu")) == torch.bfloat16
    if machine.accelerator == "gpu" and not cuda:
        raise SettingError(
            "--accelerator", "gpu", "but PyTorch sees none; take cpu, or install PyTorch for CUDA"
        )
    if on_gpu and machine.devices > torch.cuda.device_count():
        raise SettingError("--devices", machine.devices, f"but there are {torch.cuda.device_count()} GPUs")
    return L.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy="ddp" if processes > 1 else "auto",
        precision="bf16-mixed" if half else "32-true",
        max_steps=training.steps,
        max_epochs=1,
        accumulate_grad_batches=training.accumulate,
        use_distributed_sampler=False,
        default_root_dir=folder,
        callbacks=[  # listening first: reading held-out pictures ends at a signal
            one
            for one in (listening, Company(), journal, progress, saving, looking, cost, interruption)
            if one is not None
        ],
        logger=_logger(machine, folder),
        plugins=[AtomicCheckpoints(), *_without_requeueing()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _without_requeueing() -> list[SLURMEnvironment]:
    """SLURM as Lightning would find it, but for its handlers, which save a second kind of checkpoint."""
    by_slurm = SLURMEnvironment.detect() and not TorchElasticEnvironment.detect()
    return [SLURMEnvironment(auto_requeue=False)] if by_slurm else []


def _logger(machine: Machine, folder: Path) -> Logger | bool:
    match machine.logger:
        case "tensorboard":
            return TensorBoardLogger(folder, name="tensorboard", version="")
        case "wandb":
            try:
                from lightning.pytorch.loggers import WandbLogger

                return WandbLogger(save_dir=folder, name=folder.name)
            except (ImportError, ModuleNotFoundError):
                raise DiasError(
                    f"--logger wandb: W&B is not installed; run: {how_to_install('wandb')}"
                ) from None
        case "none":
            return False
