"""Descriptive questions: how many, are there any, what colour, of what happens in a video."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from dias.data.clevrer.log import Event, EventLog
from dias.data.synthetic.clevrer.asking import Candidate, descriptive
from dias.data.synthetic.clevrer.wording import KINDS, Phrase, some, thing

_LEAST_APART = 2  # frames between events whose order is asked about
_NOUN = {"color": "color", "material": "material", "shape": "shape"}
_EVENTS = {"in": ("enter", "enters"), "out": ("exit", "exits")}


@dataclass(frozen=True)
class _When:
    """A moment: what a question says of it, its program, what kind it is, and its frame."""

    words: str
    program: tuple[str, ...]
    kind: str
    frame: int


def describing(log: EventLog, unclear: Bool[np.ndarray, " t"], rng: np.random.Generator) -> list[Candidate]:
    """Descriptive questions about a video.

    Args:
        log: of the video.
        unclear: frames in which it could be argued whether some object moves.
        rng: of the words and properties chosen.
    """
    found: list[Candidate] = []
    found += _states(log, unclear, rng)
    found += _passing(log, rng)
    found += _collisions(log, rng)
    found += _partners(log, rng)
    found += _orders(log, rng)
    return found


def _anchors(
    log: EventLog, rng: np.random.Generator, without: frozenset[str]
) -> Iterator[tuple[Event, Phrase]]:
    """Entrances and exits that happen once, and whose."""
    for event in log.events:
        if event.type not in _EVENTS or sum(event.alike(other) for other in log.events) > 1:
            continue
        found = thing(log, event.objects[0], rng, without=without)
        if found is not None:
            yield event, found


def _whens(log: EventLog, rng: np.random.Generator, without: frozenset[str]) -> Iterator[_When]:
    yield _When("when the video begins", ("start",), "start", 0)
    yield _When("when the video ends", ("end",), "end", log.frames - 1)
    for event, whose in _anchors(log, rng, without):
        words = f"when {whose.words} {_EVENTS[event.type][1]} the scene"
        program = ("events", *whose.program, f"filter_{event.type}", "unique")
        yield _When(words, program, event.type, event.frame)


def _subsets(log: EventLog, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, str]]]:
    """No property; and one of each kind that some object has."""
    yield "any", {}
    for kind in KINDS:
        one = log.seen[int(rng.integers(len(log.seen)))]
        yield kind, {kind: getattr(log.things[one], kind)}


def _states(log: EventLog, unclear: Bool[np.ndarray, " t"], rng: np.random.Generator) -> Iterator[Candidate]:
    for state in ("moving", "stationary"):
        for kind, values in _subsets(log, rng):
            for when in _whens(log, rng, frozenset(values)):
                if unclear[when.frame]:
                    continue
                which = some(values, several=True)
                base = (*which.program, *when.program, "get_frame", f"filter_{state}")
                key = f"{state} {kind} {when.kind}"
                if kind in ("any", "material", "shape"):
                    words = f"How many {which.words} are {state} {when.words}?"
                    yield descriptive(log, words, (*base, "count"), subtype="count", key=key)
                words = f"Are there any {state} {which.words} {when.words}?"
                yield descriptive(log, words, (*base, "exist"), subtype="exist", key=key)
        yield from _which_state(log, unclear, rng, state)


def _which_state(
    log: EventLog, unclear: Bool[np.ndarray, " t"], rng: np.random.Generator, state: str
) -> Iterator[Candidate]:
    """What colour is the cube that is moving when the video begins?"""
    for asked in KINDS:
        for kind, values in _subsets(log, rng):
            if kind == asked:
                continue
            for when in _whens(log, rng, frozenset({asked, *values})):
                there = log.visible[when.frame] & (log.moving[when.frame] == (state == "moving"))
                fitting = [
                    number
                    for number in np.flatnonzero(there)
                    if all(getattr(log.things[number], k) == v for k, v in values.items())
                ]
                if unclear[when.frame] or len(fitting) != 1:
                    continue
                which = some(values, several=False)
                words = f"What {_NOUN[asked]} is the {which.words} that is {state} {when.words}?"
                if rng.random() < 0.5:
                    words = f"What is the {_NOUN[asked]} of the {which.words} that is {state} {when.words}?"
                program = (
                    *which.program, *when.program, "get_frame", f"filter_{state}", "unique", f"query_{asked}",
                )  # fmt: skip
                yield descriptive(
                    log, words, program, subtype=f"query_{asked}", key=f"{state} {kind} {when.kind}"
                )


def _spans(
    log: EventLog, rng: np.random.Generator, asked: Sequence[Event], without: frozenset[str]
) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Ends of a question, programs of the events meant, and kinds: all of them; before; after."""
    yield "", ("events",), "all"
    for event, whose in _anchors(log, rng, without):
        others = [abs(event.frame - other.frame) for other in asked if other != event]
        if others and min(others) < _LEAST_APART:
            continue
        for side in ("before", "after"):
            words = f" {side} {whose.words} {_EVENTS[event.type][1]} the scene"
            anchor = ("events", *whose.program, f"filter_{event.type}", "unique")
            yield words, ("events", *anchor, f"filter_{side}"), f"{side} {event.type}"


def _passing(log: EventLog, rng: np.random.Generator) -> Iterator[Candidate]:
    for type, (verb, _) in _EVENTS.items():
        asked = [event for event in log.events if event.type == type]
        for kind, values in _subsets(log, rng):
            which = some(values, several=True)
            for words, events, span in _spans(log, rng, asked, frozenset(values)):
                base = (*events, *which.program, f"filter_{type}")
                key = f"{type} {kind} {span}"
                if kind in ("any", "material", "shape"):
                    question = f"How many {which.words} {verb} the scene{words}?"
                    yield descriptive(log, question, (*base, "count"), subtype="count", key=key)
                question = f"Are there any {which.words} that {verb} the scene{words}?"
                yield descriptive(log, question, (*base, "exist"), subtype="exist", key=key)


def _collisions(log: EventLog, rng: np.random.Generator) -> Iterator[Candidate]:
    asked = [event for event in log.events if event.type == "collision"]
    for words, events, span in _spans(log, rng, asked, frozenset()):
        base = (*events, "objects", "filter_collision")
        key = f"collision {span}"
        question = f"How many collisions happen{words}?"
        yield descriptive(log, question, (*base, "count"), subtype="count", key=key)
        if span != "all":
            question = f"Are there any collisions{words}?"
            yield descriptive(log, question, (*base, "exist"), subtype="exist", key=key)


def _partners(log: EventLog, rng: np.random.Generator) -> Iterator[Candidate]:
    """What is the shape of the first object to collide with the red cube?"""
    for number in log.seen:
        mine = [event for event in log.events if event.type == "collision" and number in event.objects]
        for asked in KINDS:
            whom = thing(log, number, rng, without=frozenset({asked}))
            if whom is None:
                continue
            for order, program in _ordered(mine):
                words = _ask(rng, asked, f"the {order}object to collide with {whom.words}")
                program = (
                    "events", *whom.program, "filter_collision", *program,
                    *whom.program, "get_col_partner", f"query_{asked}",
                )  # fmt: skip
                yield descriptive(log, words, program, subtype=f"query_{asked}", key=f"collide {order}")


def _orders(log: EventLog, rng: np.random.Generator) -> Iterator[Candidate]:
    """What colour is the last object to enter the scene?"""
    for type, (verb, _) in _EVENTS.items():
        those = [event for event in log.events if event.type == type]
        for order, program in _ordered(those):
            for asked in KINDS:
                words = _ask(rng, asked, f"the {order}object to {verb} the scene")
                whole = ("events", "objects", f"filter_{type}", *program, "get_object", f"query_{asked}")
                yield descriptive(log, words, whole, subtype=f"query_{asked}", key=f"{type} {order}")


def _ordered(events: Sequence[Event]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Ways to tell one of several events that are far enough apart."""
    if len(events) == 1:
        yield "", ("unique",)
        return
    frames = [event.frame for event in events]
    if not events or min(np.diff(frames)) < _LEAST_APART:
        return
    for order in ("first", "second", "last") if len(events) > 2 else ("first", "last"):
        yield f"{order} ", (order, "filter_order")


def _ask(rng: np.random.Generator, asked: str, what: str) -> str:
    noun = _NOUN[asked]
    return f"What {noun} is {what}?" if rng.random() < 0.5 else f"What is the {noun} of {what}?"
