"""A recipe of reasoning: view, network and training, from YAML."""

import difflib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass

from dias.config import STRICT, from_dict, read_yaml, with_changes
from dias.errors import DiasError
from dias.reasoning.evidence import View
from dias.reasoning.fit import FitConfig
from dias.reasoning.network import NetworkConfig
from dias.reasoning.questions import Lengths


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ReasoningRecipe:
    """How a network that answers questions is made; the defaults are SlotFormer's for CLEVRER.

    Attributes:
        about: what it is, in a line.
        view: frames that are seen.
        lengths: words that are read.
        network: its size.
        fit: how it is trained.
    """

    about: str = ""
    view: View = Field(default_factory=View)
    lengths: Lengths = Field(default_factory=Lengths)
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    fit: FitConfig = Field(default_factory=FitConfig)


def read_recipe(name: str, *, changes: Sequence[str] = ()) -> ReasoningRecipe:
    """Read a recipe file, or one that is shipped, with `a.b=VALUE` changes.

    Raises:
        DiasError: there is none of that name; or names every unknown key and impossible value.
    """
    file = next((file for file in _files() if file.stem == name), Path(name))
    if not file.is_file():
        known = [file.stem for file in _files()]
        near = difflib.get_close_matches(name, known, n=1) or known
        raise DiasError(f"recipe {name!r}: no such file; those of reasoning are {', '.join(near)}")
    return from_dict(ReasoningRecipe, with_changes(read_yaml(file), changes), where=str(file))


def _files() -> list[Path]:
    folder = Path(str(files("dias") / "recipes" / "reasoning"))
    return sorted(folder.glob("*.yaml"), key=lambda file: file.stem)
