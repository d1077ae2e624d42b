"""A recipe: one experiment as one typed value, read from and saved to YAML."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from dias.backbones import Backbone
from dias.config import STRICT, Fraction, from_dict, merged, read_yaml, to_yaml, with_changes
from dias.data.sources import Source
from dias.errors import DiasError, FileError
from dias.files import write_text
from dias.models.clip import ClipModel
from dias.models.image import ImageModel, ImageModelConfig
from dias.objectives import ObjectiveConfig, cosine_ramp
from dias.training.clip_recipe import ClipConfig

_MOST_READERS = 16
_OF_ALL_STAGES = ("steps", "precision", "accumulate")  # of `training`: how long, and what a machine can do


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DataConfig:
    """What is trained on.

    Attributes:
        train: the training pictures; labels are never looked at.
        validation: pictures, best with masks, that choose the best checkpoint. They must not be those whose
            scores are reported. None holds out `validation_share` of the training pictures.
        validation_share: how many, when there is no validation set.
        validation_images: at most so many are looked at each time; of a recipe of clips, frames, in as many
            whole clips as have no more, but one at least.
        cache: folder that `dias cache` wrote for the training pictures; None computes features as it goes.
        size: side in pixels of a view; the backbone may resize it again.
        views: different random views of a picture; None draws a new one every epoch. A cache has its own.
        bad_images: stop at an unreadable file, or skip and count it.
        workers: processes that read pictures, for each process that trains; None: all cores, 16 at most.
    """

    train: Source
    validation: Source | None = None
    validation_share: Fraction = 0.02
    validation_images: PositiveInt = 64
    cache: str | None = None
    size: PositiveInt = 224
    views: PositiveInt | None = None
    bad_images: Literal["stop", "skip"] = "stop"
    workers: NonNegativeInt | None = None

    def readers(self, *, devices: int) -> int:
        """Processes that read pictures, for each of the `devices` that train on this machine."""
        if self.workers is not None:
            return self.workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(min(cores // devices, _MOST_READERS), 1)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingConfig:
    """How long, how fast, how often.

    Attributes:
        steps: optimizer steps.
        start: checkpoint of the same architecture, or run folder, whose weights training starts from.
        batch: pictures, or windows of clips, a step, over all processes and accumulated parts together.
        accumulate: parts that a process's share of the batch is computed in.
        lr: peak learning rate of Adam.
        warmup: share of the steps that the rate rises in.
        floor: the rate at the end, as a share of `lr`.
        clip: largest norm of the gradient.
        clip_norm: which norm that is: `l2`, or its largest entry (`max`, as SPOT's code has it).
        reduce_probability: how often redundancy is reduced for a picture in training (p_reduce).
        reduce_from: share of training that passes before: early slots are all alike, and would be merged.
        reduce_ramp: share of training, after that, in which the probability rises along a cosine; 0: at once.
        precision: bf16 means mixed precision, and float32 on a processor that has no bf16.
        validate_every: steps between validations; the state to resume from is saved there too.
    """

    steps: PositiveInt = 50_000
    start: str | None = None
    batch: PositiveInt = 32
    accumulate: PositiveInt = 1
    lr: PositiveFloat = 2e-4
    warmup: Fraction = 0.05
    floor: Fraction = 1e-3
    clip: PositiveFloat = 1.0
    clip_norm: Literal["l2", "max"] = "l2"
    reduce_probability: Fraction = 0.5
    reduce_from: Fraction = 0.0
    reduce_ramp: Fraction = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    validate_every: PositiveInt = 1_000

    def reduction_at(self, progress: float) -> float:
        """Probability of the reduction at `progress` (0 to 1) of training."""
        if progress < self.reduce_from:
            return 0.0
        if self.reduce_ramp == 0:
            return self.reduce_probability
        return self.reduce_probability * cosine_ramp((progress - self.reduce_from) / self.reduce_ramp)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TokenizerStage:
    """Before the model, its tokenizer is trained, by the loss of its own.

    In a file, and after changes, `training.steps`, `training.precision` and `training.accumulate` are the
    recipe's where they are not set here; rates and batches suit a loss, so the rest is as by default.

    Attributes:
        weights: a trained tokenizer of the same settings (a file, or a run's folder) in place of training.
        training: as of a recipe; its seed is always the recipe's.
    """

    kind: Literal["tokenizer"] = "tokenizer"
    weights: str | None = None
    training: TrainingConfig = Field(default_factory=TrainingConfig)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TeacherStage:
    """Before the model, another is trained, that it then learns from (SPOT).

    In a file, and after changes, whatever is not set here is as the recipe has it: for its student.

    Attributes:
        weights: a checkpoint in place of training.
        model, objective: of the teacher.
        training: as of a recipe; its seed is always the recipe's.
    """

    kind: Literal["teacher"] = "teacher"
    weights: str | None = None
    model: ImageModelConfig
    objective: ObjectiveConfig = Field(default_factory=ObjectiveConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)


EarlierStage = Annotated[TokenizerStage | TeacherStage, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Recipe:
    """One experiment.

    Attributes:
        about: what it is, in a line.
        clip: makes it a recipe of clips; None: of pictures, such as the frames of clips.
        earlier: what is trained before, by the same command, on the same data.
    """

    about: str = ""
    data: DataConfig
    model: ImageModelConfig = Field(default_factory=ImageModelConfig)
    clip: ClipConfig | None = None
    objective: ObjectiveConfig = Field(default_factory=ObjectiveConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    earlier: EarlierStage | None = None

    @property
    def pictures(self) -> int:
        """That a step sees: every frame of a clip is one."""
        return self.training.batch * (1 if self.clip is None else self.clip.frames)

    def built(self, backbone: Backbone | None) -> ImageModel | ClipModel:
        """The model, of pictures or of clips; without a backbone it takes features only.

        Raises:
            DiasError: parts do not fit one another, or the backbone.
        """
        if self.clip is None:
            return self.model.build(backbone=backbone)
        return self.clip.model(self.model).build(backbone=backbone)

    def of_earlier(self) -> "Recipe":
        """The recipe of the earlier stage alone; it sees pictures, if only the frames of clips."""
        stage = self.earlier
        assert stage is not None
        training = replace(stage.training, seed=self.training.seed)
        about = f"{stage.kind} of: {self.about}"
        if isinstance(stage, TokenizerStage):
            return replace(self, about=about, clip=None, training=training, earlier=None)
        return Recipe(
            about=about, data=self.data, model=stage.model, objective=stage.objective, training=training
        )


def shipped() -> list[str]:
    """Names of the recipes that come with the package: of data sets, of clips, then of methods."""
    return [file.stem for file in _files()]


def recipe_file(name: str) -> Path:
    """The file that `name` means: a path, or a shipped recipe.

    Raises:
        DiasError: it is neither; the message lists the shipped ones.
    """
    for file in _files():
        if file.stem == name:
            return file
    if Path(name).is_file():
        return Path(name)
    alike = difflib.get_close_matches(name, shipped(), n=3)
    meant = f"did you mean {' or '.join(alike)}?" if alike else "`dias recipes list` lists the shipped ones"
    raise DiasError(f"recipe {name!r}: no such file, and none that is shipped; {meant}")


def read_settings(name: str) -> dict[str, Any]:
    """What a recipe file or a shipped recipe sets, laid over what it extends; not checked yet.

    A file with `extends: NAME` holds only what differs from another recipe (a shipped one, or a file beside
    it). Settings are laid over part by part; a part of another `kind` takes the place of the whole.

    Raises:
        DiasError: a file is missing or is no YAML; or recipes extend one another in a circle.
    """
    return _settings(recipe_file(name), seen=())


def read_recipe(name: str, *, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe file or a shipped recipe, with `a.b=VALUE` changes.

    Raises:
        DiasError: names every unknown key and impossible value.
    """
    values = _with_earlier(with_changes(read_settings(name), changes))
    return from_dict(Recipe, values, where=str(recipe_file(name)))


def save_recipe(recipe: Recipe, file: Path) -> None:
    """Write a recipe that `read_recipe` reads back to an equal value."""
    write_text(file, to_yaml(recipe))


def _settings(file: Path, *, seen: tuple[Path, ...]) -> dict[str, Any]:
    if file in seen:
        raise FileError(file, "extends itself", do="leave `extends` out of one of the recipes")
    own = read_yaml(file)
    base = own.pop("extends", None)
    if base is None:
        return own
    if not isinstance(base, str):
        raise FileError(file, f"extends {base!r}", do="give the name of a recipe, or a file")
    beside = file.parent / base
    below = beside if beside.is_file() else recipe_file(base)
    return merged(_settings(below, seen=(*seen, file)), own)


def _with_earlier(values: dict[str, Any]) -> dict[str, Any]:
    """Lay an earlier stage's settings over the recipe's: all of a teacher's, a few of a tokenizer's."""
    earlier = values.get("earlier")
    if not isinstance(earlier, dict):
        return values
    own = {part: values.get(part) for part in ("model", "objective", "training")}
    usual = {part: dict(value) for part, value in own.items() if isinstance(value, dict)}
    training = usual.get("training", {})
    training.pop("start", None)  # where training starts from is each one's own
    match earlier.get("kind"):
        case "teacher":
            return values | {"earlier": merged(usual, earlier)}
        case "tokenizer":
            common = {key: training[key] for key in _OF_ALL_STAGES if key in training}
            return values | {"earlier": merged({"training": common}, earlier)}
    return values


def _files() -> list[Path]:
    folder = Path(str(files("dias") / "recipes"))
    parts = (folder / part for part in (".", "clips", "methods"))
    return [file for part in parts for file in sorted(part.glob("*.yaml"), key=lambda file: file.stem)]
