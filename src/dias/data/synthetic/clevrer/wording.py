"""Objects and events in words, each with the program that finds it."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dias.data.clevrer.log import Event, EventLog

KINDS = ("color", "material", "shape")


@dataclass(frozen=True)
class Phrase:
    """Words, and the program of what they stand for."""

    words: str
    program: tuple[str, ...]


def thing(
    log: EventLog, number: int, rng: np.random.Generator, *, without: frozenset[str] = frozenset()
) -> Phrase | None:
    """An object by as few of its properties as tell it from all others seen; None if they cannot.

    Args:
        log: of the video.
        number: of the object.
        rng: chooses among several that are as short.
        without: properties not to be named.
    """
    looks = log.things[number]
    kinds = [kind for kind in KINDS if kind not in without]
    for size in range(1, len(kinds) + 1):
        fitting = [
            chosen
            for chosen in combinations(kinds, size)
            if all(
                any(getattr(log.things[other], kind) != getattr(looks, kind) for kind in chosen)
                for other in log.seen
                if other != number
            )
        ]
        if fitting:
            chosen = fitting[int(rng.integers(len(fitting)))]
            return _described({kind: getattr(looks, kind) for kind in chosen})
    return None


def some(values: dict[str, str], *, several: bool) -> Phrase:
    """Objects with some properties: `metal cubes`, `objects`."""
    words = [values[kind] for kind in ("color", "material") if kind in values]
    words.append(values.get("shape", "object") + ("s" if several else ""))
    program = ["objects"]
    for kind in KINDS:
        if kind in values:
            program += [values[kind], f"filter_{kind}"]
    return Phrase(" ".join(words), tuple(program))


def _described(values: dict[str, str]) -> Phrase:
    found = some(values, several=False)
    return Phrase(f"the {found.words}", (*found.program, "unique"))


def collision(
    log: EventLog, event: Event, rng: np.random.Generator, *, of: str = "events"
) -> tuple[Phrase, Phrase, tuple[str, ...]] | None:
    """Both objects, in random order, and the program of their collision among all `of` a kind."""
    first, second = (event.objects[i] for i in rng.permutation(2))
    one, other = thing(log, first, rng), thing(log, second, rng)
    if one is None or other is None:
        return None
    program = (of, *one.program, "filter_collision", *other.program, "filter_collision", "unique")
    return one, other, program


def passage(log: EventLog, event: Event, found: Phrase) -> tuple[str, ...]:
    """The program of an entrance or exit."""
    return ("events", *found.program, f"filter_{event.type}", "unique")


def sentence(words: str) -> str:
    """With a capital letter."""
    return words[:1].upper() + words[1:]
