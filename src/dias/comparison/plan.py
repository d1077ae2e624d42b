"""What a comparison will do: every run with its settings, all checked before the first one starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from dias.backbones import BackboneConfig, PixelsConfig
from dias.config import to_dict
from dias.data.frames import ClipFrames, images_of
from dias.data.samples import ClipSource, ImageSource
from dias.data.sources import SourceConfig, config_for
from dias.errors import DiasError
from dias.evaluation import EvaluationConfig, require_masks
from dias.features import FeatureCache
from dias.features.key import CacheKey
from dias.training.elsewhere import changes_for
from dias.training.origin import check_folder
from dias.training.recipe import Recipe, read_recipe, read_settings, recipe_file
from dias.training.saving import STATE, saved_step

_Fits = Callable[[BackboneConfig | PixelsConfig, int], bool]  # a method's backbone and size of views


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user asked for.

    Attributes:
        recipes: names or files; one row each.
        seeds: of the runs of each.
        folder: where everything goes.
        data: what all train on; None leaves each recipe its own, which must be the same for all.
        data_settings: `KEY=VALUE` of it.
        evaluate_on: labelled pictures that are measured; None: the evaluation split of the training data.
        changes: `KEY=VALUE` for all recipes.
        cache: features of the training data, for those methods that look at just these.
        jobs: runs at once.
        accelerator: as of `dias train`.
        evaluation: rules of the measures.
        clustering: add the rows that need no training.
        pictures: rows of the grid.
        closely: images that the page looks at closely, of each method the best and as many of the worst.
        budget: how the recipes' settings were searched for, in words.
    """

    recipes: tuple[str, ...]
    seeds: tuple[int, ...]
    folder: Path
    data: Path | None = None
    data_settings: tuple[str, ...] = ()
    evaluate_on: Path | None = None
    changes: tuple[str, ...] = ()
    cache: Path | None = None
    jobs: int = 1
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    clustering: bool = False
    pictures: int = 6
    closely: int = 2
    budget: str = "none in this comparison, settings as the recipes have them"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training: a recipe and a seed.

    Attributes:
        words: the command, after `dias`.
    """

    method: str
    seed: int
    folder: Path
    recipe: Recipe
    words: tuple[str, ...]

    @property
    def log(self) -> Path:
        """What the command says."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def finished(self) -> bool:
        """Whether its last step is saved."""
        return saved_step(self.folder) == self.recipe.training.steps

    @property
    def begun(self) -> bool:
        """Whether there is something to go on from, if only of an earlier stage."""
        return any(self.folder.rglob(STATE))


@dataclass(frozen=True, kw_only=True)
class Method:
    """A recipe, under the name that its row has, and its runs."""

    name: str
    folder: Path
    runs: tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All there is to do.

    Attributes:
        measured: what is measured, and its images.
    """

    wish: Wish
    methods: tuple[Method, ...]
    measured: SourceConfig
    source: ImageSource

    @property
    def clips(self) -> ClipSource | None:
        """What is measured as whole clips: where any recipe is of clips; None: images are."""
        if all(method.runs[0].recipe.clip is None for method in self.methods):
            return None
        assert isinstance(self.source, ClipFrames)  # `make_plan` has seen to it
        return self.source.clips

    @property
    def seen_before(self) -> list[str]:
        """Methods whose best checkpoint was chosen on the very pictures that are measured."""
        return [
            method.name
            for method in self.methods
            if (chosen := method.runs[0].recipe.data.validation) is not None
            and _settled(chosen) == _settled(self.measured)
        ]


def make_plan(wish: Wish) -> Plan:
    """Settle every run, and make sure that it can begin and be measured.

    Raises:
        DiasError: a recipe or a setting is faulty; two methods have one name, or train on different data; a
            run is there already with other settings; or there is nothing labelled to measure on.
    """
    names = [recipe_file(recipe).stem for recipe in wish.recipes]
    for name in names:
        if names.count(name) > 1:
            raise DiasError(f"dias compare: {name} is named twice; give each method a recipe of its own name")
    # asked of every run, and weights take long to load: once is enough for all that look at pictures alike
    fits = None if wish.cache is None else cache(partial(_fits, FeatureCache.open(wish.cache)))
    methods = tuple(
        _method(wish, recipe, name, fits) for recipe, name in zip(wish.recipes, names, strict=True)
    )
    data = _common_data(methods)
    measured = _measured(wish, data)
    source = images_of(measured.build())
    require_masks(source, do="name labelled pictures with --eval")
    of_clips = next((method.name for method in methods if method.runs[0].recipe.clip is not None), None)
    if of_clips is not None and not isinstance(source, ClipFrames):
        raise DiasError(
            f"{of_clips} is of clips, {_where(measured)} holds images: name labelled clips with --eval"
        )
    if of_clips is not None and wish.clustering:
        raise DiasError(f"--clustering is for comparisons of pictures, {of_clips} is of clips: leave it out")
    return Plan(wish=wish, methods=methods, measured=measured, source=source)


def stages(recipe: Recipe) -> tuple[Recipe, ...]:
    """What is trained, in its order, the recipe itself last; stages whose weights are given are left out."""
    if recipe.earlier is None or recipe.earlier.weights is not None:
        return (recipe,)
    return (*stages(recipe.of_earlier()), recipe)


def length(recipe: Recipe) -> tuple[int, ...]:
    """Optimizer steps of each stage."""
    return tuple(stage.training.steps for stage in stages(recipe))


def _method(wish: Wish, recipe: str, name: str, fits: _Fits | None) -> Method:
    folder = wish.folder / name
    runs = tuple(_run(wish, recipe, name, folder / f"seed-{seed}", seed, fits) for seed in wish.seeds)
    return Method(name=name, folder=folder, runs=runs)


def _run(wish: Wish, recipe: str, name: str, folder: Path, seed: int, fits: _Fits | None) -> Run:
    data = None if _is_own(recipe, wish) else wish.data
    settings = wish.data_settings if data is not None else ()
    options: dict[str, Any] = {"data": data, "data_settings": settings, "seed": seed, "more": wish.changes}
    made = read_recipe(recipe, changes=changes_for(recipe, **options))
    words = ["train", recipe, "--seed", str(seed), "--out", str(folder)]
    if data is not None:
        words += ["--data", str(data), *(word for one in settings for word in ("--data-set", one))]
    if fits is not None and fits(made.model.backbone, made.data.size):
        made = read_recipe(recipe, changes=changes_for(recipe, cache=wish.cache, **options))
        words += ["--cache", str(wish.cache)]
    words += [word for change in wish.changes for word in ("--set", change)]
    words += ["--accelerator", wish.accelerator, "--logger", "none"]
    if (folder / STATE).exists():
        check_folder(made, folder, resume=True)
    return Run(method=name, seed=seed, folder=folder, recipe=made, words=tuple(words))


def _is_own(recipe: str, wish: Wish) -> bool:
    """Whether the data named is the recipe's own, whose validation set should then stay."""
    data = read_settings(recipe).get("data", {})
    path = data.get("train", {}).get("path") if isinstance(data, dict) else None
    return bool(path and wish.data and not wish.data_settings and _place(path) == _place(wish.data))


def _fits(known: FeatureCache, backbone: BackboneConfig | PixelsConfig, size: int) -> bool:
    """Whether a cache holds what a backbone gives of views of `size`; of other pictures, its run says so."""
    if isinstance(backbone, PixelsConfig):  # nothing to compute, so nothing to keep
        return False
    key = known.key
    wanted = CacheKey.of(
        backbone.build(), size=size, views=key.views, seed=key.seed, data=key.data, count=key.count
    )
    return not key.lacks(wanted)


def _common_data(methods: Sequence[Method]) -> SourceConfig:
    first = methods[0].runs[0].recipe.data.train
    for method in methods[1:]:
        other = method.runs[0].recipe.data.train
        if _settled(other) != _settled(first):
            raise DiasError(
                f"{methods[0].name} trains on {_where(first)}, {method.name} on {_where(other)}: name the "
                "same data for all with --data"
            )
    return first


def _measured(wish: Wish, data: SourceConfig) -> SourceConfig:
    if wish.evaluate_on is not None:
        return config_for(wish.evaluate_on, use="evaluate")
    own = [one for one in wish.data_settings if one.partition("=")[0].strip() != "split"]
    path = wish.data or Path(_where(data))
    measured = config_for(path, use="evaluate", settings=own)
    if _settled(measured) == _settled(data):
        raise DiasError(
            f"{path}: has no evaluation split of its own; name the labelled pictures to measure on with "
            "--eval, such as --eval data/scenes/test"
        )
    return measured


def _settled(config: SourceConfig) -> dict[str, Any]:
    return to_dict(config) | {"path": _place(_where(config))}


def _where(config: SourceConfig) -> str:
    return str(to_dict(config).get("path", "photos"))


def _place(path: Path | str) -> str:
    return str(Path(path).expanduser().resolve())
