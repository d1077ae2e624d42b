"""A recipe's data at another place: what `dias train RECIPE --data PATH` trains and validates on."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dias.config import from_dict, to_dict, with_changes
from dias.data.sources import SourceConfig, config_for
from dias.errors import DiasError
from dias.training.recipe import read_settings


def data_at(path: Path, data: object, *, settings: Sequence[str] = ()) -> dict[str, Any]:
    """The keys `train` and `validation` of a recipe's data, for the data set at a path.

    A data set of the recipe's kind that comes in splits keeps the recipe's settings, for training and for
    validation (if that is of the same place), but for the path and for what the files there do not allow.
    Any other is taken as it is found, and pictures of it are held out.

    Args:
        path: what `config_for` takes.
        data: the section `data` of a recipe file, not checked yet.
        settings: `KEY=VALUE` changes by the user; `split` is that of training.

    Raises:
        DiasError: there is nothing at the path, or a change names no setting of the data set.
    """
    train, validation = (_section(data, name) for name in ("train", "validation"))
    changes = {one: one.partition("=")[0].strip() for one in settings}
    found = config_for(path, use="train", settings=[one for one, key in changes.items() if key == "kind"])
    kept = _kept(train, found, changes)
    if kept is None:
        return {"train": to_dict(config_for(path, use="train", settings=settings)), "validation": None}
    held = None
    if validation.get("path") == train.get("path"):
        held = _kept(validation, found, [one for one, key in changes.items() if key != "split"])
    return {"train": kept, "validation": None if held is None or held["split"] == kept["split"] else held}


def changes_for(
    recipe: str,
    *,
    data: Path | None = None,
    data_settings: Sequence[str] = (),
    cache: Path | None = None,
    seed: int | None = None,
    more: Sequence[str] = (),
) -> list[str]:
    """What the options of `dias train` change in a recipe, as `KEY=VALUE` for `read_recipe`.

    Args:
        recipe: its name or file.
        data: where to train instead.
        data_settings: of the data set there.
        cache: features of it.
        seed: of the run.
        more: changes by the user, which hold against those of `data`.

    Raises:
        DiasError: as `data_at`; or there are settings of data that are not given.
    """
    if data_settings and data is None:
        raise DiasError("--data-set goes with --data; for the recipe's own data: --set data.train.KEY=VALUE")
    changes = list(more)
    if data is not None:
        chosen = data_at(data, read_settings(recipe).get("data"), settings=data_settings)
        changes = [*(f"data.{key}={json.dumps(value)}" for key, value in chosen.items()), *changes]
    if cache is not None:
        changes += [f"data.cache={json.dumps(str(cache))}"]
    if seed is not None:
        changes += [f"training.seed={seed}"]
    return changes


def _section(data: object, name: str) -> dict[str, Any]:
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _kept(before: dict[str, Any], found: SourceConfig, changes: Iterable[str]) -> dict[str, Any] | None:
    """A recipe's settings at the place of those found; None if those are of another kind, or cannot work."""
    kind, values = type(found), to_dict(found)
    if before.get("kind") != values["kind"] or "split" not in values:
        return None
    usual = to_dict(from_dict(kind, {"path": values["path"]}))
    told = {name: value for name, value in values.items() if value != usual[name]}  # by the files there
    config = from_dict(kind, with_changes(before | told | {"path": values["path"]}, changes), where="--data")
    kept = to_dict(config)
    try:
        return kept if kept["split"] in config.splits() else None
    except DiasError:
        return None
