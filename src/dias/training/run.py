"""From a recipe to a trained model in a folder."""

import json
import logging
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import lightning as L
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from dias.backbones.frozen import FrozenBackbone
from dias.checkpoints import fill, find
from dias.data.samples import ImageSource
from dias.errors import DiasError, FileError, LoadingError, SettingError, TrainingError
from dias.files import write_json
from dias.models.image import ImageModel
from dias.provenance import record
from dias.training.company import Company
from dias.training.data import TrainingData
from dias.training.interruption import Interruption, Listening
from dias.training.journal import Journal
from dias.training.module import ImageTraining
from dias.training.needs import needs_of
from dias.training.processes import lost_another
from dias.training.progress import TrainingProgress
from dias.training.recipe import Recipe, read_recipe, save_recipe
from dias.training.saving import STATE, AtomicCheckpoints, Saving
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


def train(recipe: Recipe, folder: Path, *, machine: Machine | None = None, resume: bool = False) -> Path:
    """Train by a recipe, and return the best checkpoint.

    The folder gets recipe.yaml, provenance.json, metrics.jsonl, pictures/, last.safetensors, best.safetensors
    and state.ckpt (what `resume` goes on from, exact to the batch and the random numbers).

    Raises:
        DiasError: the folder holds a run already and `resume` is False; or there is nothing to resume; or the
            recipe differs from the one that the run was started with; or the disk has too little room.
        Interrupted: Ctrl-C, SIGTERM or SIGUSR1 came, and the state has been saved.
        TrainingError: the loss is not a number; or a batch could not be made: the state has been saved, if
            this is the only process; or another process failed.
    """
    machine = machine or Machine()
    _check_folder(recipe, folder, resume=resume)
    _quiet()
    L.seed_everything(recipe.training.seed, verbose=False)
    backbone = recipe.model.backbone.build()
    _check_grid(recipe, backbone)
    model = recipe.model.build(backbone=backbone)
    data = TrainingData(recipe, backbone)
    if resume:
        _check_origin(folder, _origin(backbone, data))
    else:
        _first_weights(recipe, model, data)
    listening = Listening()
    trainer = _trainer(recipe, folder, machine, data.validation, listening, resume=resume)
    if trainer.is_global_zero:
        needed = needs_of(recipe, model, data.validation, devices=machine.devices, nodes=machine.nodes)
        needed.tell(folder, gpu=trainer.strategy.root_device.type == "cuda", shown=machine.progress)
        _start_folder(recipe, folder, backbone, data, resume=resume)
    with listening.heard():
        _fit(trainer, ImageTraining(recipe, model), data, folder, resume=resume)
    _list_skipped(trainer, data)
    return folder / "best.safetensors"


def _fit(
    trainer: L.Trainer, module: ImageTraining, data: TrainingData, folder: Path, *, resume: bool
) -> None:
    try:
        trainer.fit(module, datamodule=data, ckpt_path=folder / STATE if resume else None, weights_only=True)
    except LoadingError as error:
        raise TrainingError(f"{error}; {_way_on(folder, trainer.global_step)}") from error
    except torch.OutOfMemoryError:
        raise TrainingError(
            f"step {trainer.global_step}: the GPU's memory is full; raise training.accumulate (now "
            f"{module.recipe.training.accumulate}), which changes no batch, and go on with --resume"
        ) from None
    except RuntimeError as error:
        if not lost_another(error):
            raise
        raise TrainingError(f"another process failed; {_way_on(folder, trainer.global_step)}") from error


def _way_on(folder: Path, step: int) -> str:
    if not (folder / STATE).exists():
        return "nothing has been saved yet, start anew"
    saved = torch.load(folder / STATE, map_location="cpu", weights_only=True, mmap=True)["global_step"]
    lost = f" ({step - saved} steps after it are lost)" if step > saved else ""
    return f"step {saved} is saved{lost}: go on with --resume"


def _list_skipped(trainer: L.Trainer, data: TrainingData) -> None:
    skipped = data.skipped(device=trainer.strategy.root_device)
    if skipped and trainer.is_global_zero:
        print(f"{len(skipped)} pictures were left out:", file=sys.stderr)
        for file in skipped:
            print(f"skipped {file.name}: {file.reason}", file=sys.stderr)


def _check_grid(recipe: Recipe, backbone: FrozenBackbone) -> None:
    side = recipe.model.backbone.input_size or recipe.data.size
    rows, columns = backbone.grid(side, side)
    if rows * columns != recipe.model.positions:
        raise SettingError(
            "model.positions", recipe.model.positions, f"but {side} pixels give {rows} x {columns} tokens"
        )


def _first_weights(recipe: Recipe, model: ImageModel, data: TrainingData) -> None:
    if recipe.training.start is not None:
        fill(model, find(Path(recipe.training.start).expanduser()))
    elif recipe.model.pca:
        data.fit_pca(model)


def _trainer(
    recipe: Recipe,
    folder: Path,
    machine: Machine,
    validation: ImageSource,
    listening: Listening,
    *,
    resume: bool,
) -> L.Trainer:
    training = recipe.training
    processes = machine.devices * machine.nodes
    if training.batch % (processes * training.accumulate):
        raise DiasError(
            f"setting training.batch: {training.batch} does not divide into {processes} processes "
            f"x {training.accumulate} accumulated parts"
        )
    saving, journal = Saving(folder), Journal(folder, every=_JOURNAL_EVERY)
    interruption = Interruption(folder, listening, resumed=resume)  # last: after a validation at its step
    progress = TrainingProgress(steps=training.steps, batch=training.batch) if machine.progress else None
    validating = Validation(
        validation,
        size=recipe.data.size,
        folder=folder,
        every=training.validate_every,
        skip_bad=recipe.data.bad_images == "skip",
        listening=listening,
        saving=saving,
        journal=journal,
        progress=progress,
    )
    cuda = torch.cuda.is_available()
    if machine.accelerator == "gpu" and not cuda:
        raise SettingError(
            "--accelerator", "gpu", "but PyTorch sees none; take cpu, or install PyTorch for CUDA"
        )
    if cuda and machine.accelerator != "cpu" and machine.devices > torch.cuda.device_count():
        raise SettingError("--devices", machine.devices, f"but there are {torch.cuda.device_count()} GPUs")
    return L.Trainer(
        accelerator="gpu" if cuda and machine.accelerator != "cpu" else "cpu",
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy="ddp" if processes > 1 else "auto",
        precision="bf16-mixed" if training.precision == "bf16" else "32-true",
        max_steps=training.steps,
        max_epochs=1,
        accumulate_grad_batches=training.accumulate,
        use_distributed_sampler=False,
        default_root_dir=folder,
        callbacks=[  # listening first: reading held-out pictures ends at a signal
            one
            for one in (listening, Company(), journal, progress, saving, validating, interruption)
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


def _quiet() -> None:
    """Keep what Lightning says to developers from users; its errors still come through."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
    warnings.filterwarnings("ignore", message=".*`isinstance\\(treespec, LeafSpec\\)`.*")


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
                    "--logger wandb: W&B is not installed; pip install 'dias-ocl[wandb]'"
                ) from None
        case "none":
            return False


def _check_folder(recipe: Recipe, folder: Path, *, resume: bool) -> None:
    if not resume:
        if (folder / STATE).exists():
            raise DiasError(f"{folder}: holds a run already; go on with --resume, or choose another --out")
        return
    if not (folder / STATE).exists():
        raise DiasError(f"{folder / STATE}: does not exist, there is nothing to resume; leave --resume out")
    before = read_recipe(str(folder / "recipe.yaml"))
    now = recipe.data  # what may be changed: no readable picture is seen otherwise
    data = replace(before.data, workers=now.workers, bad_images=now.bad_images)
    if replace(before, data=data) != recipe:
        raise DiasError(
            f"{folder / 'recipe.yaml'}: differs from the recipe now given; resume with the same settings"
        )


def _origin(backbone: FrozenBackbone, data: TrainingData) -> dict[str, str]:
    """Hashes of what a run is made of beside its recipe."""
    found = {"backbone": backbone.weights.sha256, "data": data.source.fingerprint()}
    if data.recipe.data.validation is not None:
        found["validation"] = data.validation.fingerprint()
    if data.cache is not None:
        found["cache"] = data.cache.fingerprint()
    return found


def _check_origin(folder: Path, origin: dict[str, str]) -> None:
    """Refuse other pictures or weights: nobody would notice, and held-out pictures might be trained on.

    Runs of earlier versions have no hash of `validation` and `cache`.
    """
    file = folder / "provenance.json"
    try:
        before = json.loads(file.read_text(encoding="utf-8"))["hashes"]
    except (OSError, ValueError, KeyError) as error:
        raise FileError(file, f"cannot be read ({type(error).__name__})", do="train anew") from None
    for what, now in origin.items():
        if before.get(what) != now and (what in before or what in ("backbone", "data")):
            raise DiasError(
                f"{folder}: the {what} is not what the run began with ({str(before.get(what))[:12]}, now "
                f"{now[:12]}); bring it back, or train anew in another --out"
            )


def _start_folder(
    recipe: Recipe, folder: Path, backbone: FrozenBackbone, data: TrainingData, *, resume: bool
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_recipe(recipe, folder / "recipe.yaml")
    origin = record(**_origin(backbone, data)).to_dict()
    name = "provenance-resumed.json" if resume else "provenance.json"
    write_json(folder / name, origin | {"weights": backbone.weights.source})
