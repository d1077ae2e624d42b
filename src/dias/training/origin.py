"""What a run is made of, kept in its folder: a run goes on only with the very same."""

import json
from dataclasses import replace
from pathlib import Path

from dias.backbones import Backbone
from dias.errors import DiasError, FileError
from dias.files import write_json
from dias.provenance import record
from dias.training.data import TrainingData
from dias.training.recipe import Recipe, read_recipe, save_recipe
from dias.training.saving import STATE


def check_folder(recipe: Recipe, folder: Path, *, resume: bool) -> None:
    """See that a new run begins in a folder without one, and a resumed one goes on with its own recipe.

    Raises:
        DiasError: what is in the way.
    """
    if not resume:
        if (folder / STATE).exists():
            raise DiasError(f"{folder}: holds a run already; go on with --resume, or choose another --out")
        return
    if not (folder / STATE).exists():
        raise DiasError(f"{folder / STATE}: does not exist, there is nothing to resume; leave --resume out")
    before = read_recipe(str(folder / "recipe.yaml"))
    if _with_what_may_change(before, recipe) != recipe:
        raise DiasError(
            f"{folder / 'recipe.yaml'}: differs from the recipe now given; resume with the same settings"
        )


def _with_what_may_change(before: Recipe, now: Recipe) -> Recipe:
    """A run's recipe with what may be changed: no readable picture is seen otherwise, no batch differs."""
    data = replace(before.data, workers=now.data.workers, bad_images=now.data.bad_images)
    training = replace(before.training, accumulate=now.training.accumulate)
    earlier = before.earlier
    if earlier is not None and now.earlier is not None:
        parts = now.earlier.training.accumulate
        earlier = replace(earlier, training=replace(earlier.training, accumulate=parts))
    return replace(before, data=data, training=training, earlier=earlier)


def origin_of(backbone: Backbone, data: TrainingData, **earlier: str) -> dict[str, str]:
    """Hashes of what a run is made of beside its recipe; `earlier`: of what an earlier stage made."""
    found = {"backbone": backbone.weights.sha256, "data": data.source.fingerprint()}
    if data.recipe.data.validation is not None:
        found["validation"] = data.validation.fingerprint()
    if data.cache is not None:
        found["cache"] = data.cache.fingerprint()
    return found | earlier


def check_origin(folder: Path, origin: dict[str, str]) -> None:
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


def start_folder(
    recipe: Recipe,
    folder: Path,
    origin: dict[str, str],
    *,
    weights: str,
    tokenizer: str | None = None,
    resume: bool,
) -> None:
    """Write the recipe and where everything comes from.

    Args:
        recipe: of the run.
        folder: of the run.
        origin: hashes, as `origin_of` gives them.
        weights: the source of the backbone's.
        tokenizer: what a tokenizer that is trained now began from, where there was a choice.
        resume: whether the run goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_recipe(recipe, folder / "recipe.yaml")
    known = record(**origin).to_dict() | {"weights": weights}
    if tokenizer is not None:
        known["tokenizer"] = tokenizer
    name = "provenance-resumed.json" if resume else "provenance.json"
    write_json(
        folder / name, known | {"weights": weights} | ({} if tokenizer is None else {"tokenizer": tokenizer})
    )
