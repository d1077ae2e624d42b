"""How a settings class is made, read and changed: frozen, keyword-only, unknown keys refused."""

import dataclasses
import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import yaml
from pydantic import ConfigDict, Discriminator, Field, TypeAdapter, ValidationError

from dias.errors import DiasError, FileError

# Pass to pydantic's dataclass: `@dataclass(frozen=True, kw_only=True, config=STRICT)`.
STRICT = ConfigDict(extra="forbid")

# A setting that is a part of a whole, or a probability. (`Share` in nn/chance.py is a part of a batch.)
Fraction = Annotated[float, Field(ge=0, le=1)]

T = TypeVar("T")


def by_kind(usual: str) -> Discriminator:
    """Tells the parts of a union of settings by their `kind`; without one, it is the usual kind.

    Use: `Annotated[Annotated[A, Tag("a")] | Annotated[B, Tag("b")], by_kind("a")]`.
    """

    def kind_of(value: object) -> object:
        return value.get("kind", usual) if isinstance(value, dict) else getattr(value, "kind", usual)

    return Discriminator(kind_of)


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay changes over settings, part by part; a part of another `kind` takes the place of the whole."""
    result = dict(base)
    for key, value in changes.items():
        before = base.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            same = value.get("kind", before.get("kind")) == before.get("kind")
            value = merged(before, value) if same else value
        result[key] = value
    return result


def from_dict(kind: type[T], values: object, *, where: str = "settings") -> T:
    """Build a settings value of type `kind`, checking every key and every value.

    Raises:
        DiasError: names each faulty key, what it was given, and the known key that looks most like it.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise DiasError(f"{where}: " + "; ".join(_faults(error, known=_names(kind)))) from None


def to_dict(settings: object) -> dict[str, Any]:
    """Return plain values (str, int, float, bool, None, list, dict), ready for JSON and YAML."""
    plain = TypeAdapter(type(settings)).dump_python(settings, mode="json")
    assert isinstance(plain, dict)
    return plain


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping; tags that would build objects are refused."""
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(file, f"cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise FileError(file, "is not YAML: " + " ".join(str(error).split())) from None
    if not isinstance(values, dict):
        raise FileError(file, f"holds {type(values).__name__}, expected a mapping of settings")
    return values


def to_yaml(settings: object) -> str:
    """Write settings as YAML, in the order in which the class declares them."""
    return yaml.safe_dump(to_dict(settings), sort_keys=False, allow_unicode=True)


def with_changes(values: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """Apply `a.b.c=VALUE` changes (VALUE in YAML) to nested settings, and return a new mapping.

    Raises:
        DiasError: a change without `=`, or a path through something that is not a mapping.
    """
    result = _copied(values)
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not path:
            raise DiasError(f"change {change!r}: expected KEY=VALUE, for example model.slots=11")
        *parents, last = path.strip().split(".")
        place = result
        for parent in parents:
            step = place.setdefault(parent, {})
            if not isinstance(step, dict):
                raise DiasError(f"change {change!r}: {parent} is a value, it has no settings inside")
            place = step
        try:
            place[last] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise DiasError(f"change {change!r}: {text!r} is not YAML; quote it") from None
    return result


def _copied(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in values.items()}


def _faults(error: ValidationError, *, known: set[str]) -> list[str]:
    lines = []
    for fault in error.errors():
        *above, last = fault["loc"] or ("",)
        places = [part for part in above if isinstance(part, int) or part in known]  # not a union's kinds
        key = ".".join(map(str, [*places, last]))
        if fault["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            wrong = str(fault["loc"][-1])  # a known key in the wrong place is no suggestion
            alike = difflib.get_close_matches(wrong, sorted(known - {wrong}), n=1)
            lines.append(f"{key}: unknown key" + (f"; did you mean {alike[0]}?" if alike else ""))
        else:
            lines.append(f"{key}: {_problem(fault)}, got {fault.get('input')!r}")
    return lines


def _problem(fault: Any) -> str:
    """What pydantic says, but for the names of its own machinery."""
    if fault["type"] != "union_tag_invalid":
        return str(fault["msg"])
    context = fault["ctx"]
    return f"there is no kind {context['tag']!r}, only {context['expected_tags']}"


def _names(kind: Any) -> set[str]:
    """Keys of a settings class, and of those in it."""
    if not dataclasses.is_dataclass(kind):
        return {name for part in get_args(kind) for name in _names(part)}
    hints = get_type_hints(kind)
    return set(hints) | {name for hint in hints.values() for name in _names(hint)}
