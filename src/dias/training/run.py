"""From a recipe to a trained model in a folder."""

import logging
import sys
import warnings
from pathlib import Path

import lightning as L
import torch

from dias.backbones import Backbone
from dias.checkpoints import FORMAT, describe, fill, fill_tokenizer, find
from dias.data.samples import known_by
from dias.errors import LoadingError, SettingError, TrainingError
from dias.files import sha256
from dias.models.clip import ClipModel
from dias.models.image import ImageModel
from dias.nn.slots.metaslot import MetaSlotConfig
from dias.training.clips import ClipTraining, ClipValidation
from dias.training.cost import CostMeter
from dias.training.data import TrainingData
from dias.training.interruption import Listening
from dias.training.module import ImageTraining, Training
from dias.training.needs import needs_of
from dias.training.origin import check_folder, check_origin, origin_of, start_folder
from dias.training.processes import is_first, lost_another
from dias.training.recipe import Recipe, TeacherStage, TokenizerStage
from dias.training.saving import STATE, saved_step
from dias.training.teacher import load_teacher
from dias.training.tokenizing import TokenizerTraining, TokenizerValidation
from dias.training.trainer import Machine, make_trainer
from dias.training.validation import Validation

__all__ = ["Machine", "train"]


def train(recipe: Recipe, folder: Path, *, machine: Machine | None = None, resume: bool = False) -> Path:
    """Train by a recipe, and return the best checkpoint.

    The folder gets recipe.yaml, provenance.json, metrics.jsonl, cost.json, pictures/, last.safetensors,
    best.safetensors and state.ckpt (what `resume` goes on from, exact to the batch and the random numbers).
    An earlier stage of the recipe comes first, into a folder of its own below; when resumed, not again if it
    is finished.

    Raises:
        DiasError: the folder holds a run already and `resume` is False; or there is nothing to resume; or the
            recipe differs from the one that the run was started with; or the disk has too little room.
        Interrupted: Ctrl-C, SIGTERM or SIGUSR1 came, and the state has been saved.
        TrainingError: the loss is not a number; or a batch could not be made, here or in another process: the
            state has been saved; or another process is gone.
    """
    machine = machine or Machine()
    _quiet()
    _check_parts(recipe)
    if recipe.earlier is None:
        return _train(recipe, folder, machine=machine, resume=resume)
    if not resume:
        check_folder(recipe, folder, resume=False)
    before = _earlier(recipe, folder, machine=machine, resume=resume)
    return _train(recipe, folder, machine=machine, resume=(folder / STATE).exists(), before=before)


def _check_parts(recipe: Recipe) -> None:
    """See that stages and losses find what they need."""
    tokenizer, earlier = recipe.model.tokenizer, recipe.earlier
    if tokenizer is not None and earlier is None and recipe.training.start is None:
        raise SettingError(
            "model.tokenizer.kind", tokenizer.kind, "is to be trained first: add earlier: {kind: tokenizer}"
        )
    if tokenizer is None and isinstance(earlier, TokenizerStage):
        raise SettingError("earlier.kind", earlier.kind, "but the model has none: set model.tokenizer")
    if recipe.clip is not None and isinstance(earlier, TeacherStage):
        raise SettingError("earlier.kind", earlier.kind, "teaches models of pictures; leave it out, or clip")
    for name in ("contrast_weight", "similarity_weight"):
        weight = getattr(recipe.objective, name)
        if recipe.clip is None and weight:
            raise SettingError(f"objective.{name}", weight, "is of clips; leave it out, or add a part clip")
    if isinstance(recipe.model.aggregation, MetaSlotConfig) and recipe.objective.distillation != "none":
        raise SettingError(
            "objective.distillation",
            recipe.objective.distillation,
            "teaches nothing to metaslot, whose first map has no gradient; take none",
        )


def _earlier(recipe: Recipe, folder: Path, *, machine: Machine, resume: bool) -> Path:
    """The checkpoint of the earlier stage; trained, if it has to be."""
    stage, own = recipe.earlier, recipe.of_earlier()
    assert stage is not None
    if stage.weights is not None:
        return find(Path(stage.weights).expanduser())
    below = folder / stage.kind
    if resume and saved_step(below) == own.training.steps:
        check_folder(own, below, resume=True)
        return find(below)
    if is_first():
        print(f"first the {stage.kind}, in {below}", file=sys.stderr)
    if isinstance(stage, TeacherStage):
        return train(own, below, machine=machine, resume=resume)
    return _train(own, below, machine=machine, resume=resume, tokenizer=True)


def _train(
    recipe: Recipe,
    folder: Path,
    *,
    machine: Machine,
    resume: bool,
    before: Path | None = None,
    tokenizer: bool = False,
) -> Path:
    """Train one stage: a model, with what an earlier stage left in `before`; or its tokenizer alone."""
    check_folder(recipe, folder, resume=resume)
    cost = CostMeter(folder, batch=recipe.pictures)
    L.seed_everything(recipe.training.seed, verbose=False)
    backbone = recipe.model.backbone.build()
    _check_grid(recipe, backbone)
    whole = recipe.built(backbone)
    model = whole.image if isinstance(whole, ClipModel) else whole
    data = TrainingData(recipe, backbone)
    earlier = {} if before is None or recipe.earlier is None else {recipe.earlier.kind: sha256(before)}
    origin = origin_of(backbone, data, **earlier)
    if resume:
        check_origin(folder, origin)
    elif not tokenizer:
        _first_weights(recipe, whole, data, before)
    listening = Listening()
    trainer = make_trainer(
        recipe,
        folder,
        machine,
        data.validation,
        listening,
        cost,
        resume=resume,
        validating=_validating(whole, tokenizer=tokenizer),
        data=known_by(data.source),
    )
    begun = _start_tokenizer(model, shown=trainer.is_global_zero) if tokenizer and not resume else None
    if trainer.is_global_zero:
        if not tokenizer:
            needed = needs_of(recipe, whole, data.validation, devices=machine.devices, nodes=machine.nodes)
            needed.tell(folder, gpu=trainer.strategy.root_device.type == "cuda", shown=machine.progress)
        source = backbone.weights.source
        start_folder(recipe, folder, origin, weights=source, tokenizer=begun, resume=resume)
    module = TokenizerTraining(recipe, model) if tokenizer else _training(recipe, whole, before)
    with listening.heard():
        _fit(trainer, module, data, folder, resume=resume)
    _list_skipped(trainer, data)
    return folder / "best.safetensors"


def _validating(model: ImageModel | ClipModel, *, tokenizer: bool) -> type[Validation]:
    if tokenizer:
        return TokenizerValidation
    return ClipValidation if isinstance(model, ClipModel) else Validation


def _training(recipe: Recipe, model: ImageModel | ClipModel, before: Path | None) -> Training:
    if isinstance(model, ClipModel):
        return ClipTraining(recipe, model)
    teacher = None
    if isinstance(recipe.earlier, TeacherStage):
        assert before is not None
        assert model.backbone is not None
        teacher = load_teacher(before, backbone=model.backbone)
    return ImageTraining(recipe, model, teacher=teacher)


def _first_weights(
    recipe: Recipe, whole: ImageModel | ClipModel, data: TrainingData, before: Path | None
) -> None:
    """Weights to start from; a model of clips may start from one of pictures, with a new transition."""
    model = whole.image if isinstance(whole, ClipModel) else whole
    if recipe.training.start is not None:
        start = find(Path(recipe.training.start).expanduser())
        fill(model if describe(start)["format"] == FORMAT else whole, start)
    elif recipe.model.pca:
        data.fit_pca(model)
    if model.tokenizer is not None and before is not None:
        fill_tokenizer(model, before)


def _start_tokenizer(model: ImageModel, *, shown: bool) -> str | None:
    """Give it its first weights, and say which they are where published ones are looked for."""
    assert model.tokenizer is not None
    line = model.tokenizer.start()
    if line and shown:
        print(line, file=sys.stderr)
    return line


def _fit(trainer: L.Trainer, module: Training, data: TrainingData, folder: Path, *, resume: bool) -> None:
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
    saved = saved_step(folder)
    if saved is None:
        return "nothing has been saved yet, start anew"
    lost = f" ({step - saved} steps after it are lost)" if step > saved else ""
    return f"step {saved} is saved{lost}: go on with --resume"


def _list_skipped(trainer: L.Trainer, data: TrainingData) -> None:
    skipped = data.skipped(device=trainer.strategy.root_device)
    if skipped and trainer.is_global_zero:
        what = "pictures" if data.windows is None else "windows of clips"
        print(f"{len(skipped)} {what} were left out:", file=sys.stderr)
        for file in skipped:
            print(f"skipped {file.name}: {file.reason}", file=sys.stderr)


def _check_grid(recipe: Recipe, backbone: Backbone) -> None:
    side = recipe.model.backbone.input_size or recipe.data.size
    rows, columns = backbone.grid(side, side)
    if rows * columns != recipe.model.positions:
        raise SettingError(
            "model.positions", recipe.model.positions, f"but {side} pixels give {rows} x {columns} tokens"
        )


def _quiet() -> None:
    """Keep what Lightning says to developers from users; its errors still come through."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
    warnings.filterwarnings("ignore", message=".*`isinstance\\(treespec, LeafSpec\\)`.*")
