"""Functional programs of CLEVRER's questions, run on an event log.

A program is a list of words in postfix: an operation takes what it needs from a stack and puts its result
there; any other word (`red`, `first`, `null`) is put there as it is. Meaning as in the authors' executor
(github.com/chuangg/CLEVRER, executor/executor.py); names as in the published questions, the executor's own
too. Ours differs in `filter_ancestor`, which asks re-simulations (`EventLog.causes`) where theirs follows the
chain of events alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

from dias.data.clevrer.log import Causes, Event, EventLog
from dias.data.clevrer.values import COLORS, MATERIALS, SHAPES
from dias.errors import DiasError

_WORDS = {"color": COLORS, "material": MATERIALS, "shape": SHAPES}
_ORDERS = {"first": 0, "second": 1, "last": -1}

Objects = tuple[int, ...]
Events = tuple[Event, ...]


class ProgramError(DiasError):
    """A program that cannot be run on a log, such as one that asks for the only one of several objects."""


class _Machine:
    """The operations; what each takes is told by its signature's annotations, in the order of the stack."""

    def __init__(self, log: EventLog) -> None:
        self.log = log

    def objects(self) -> Objects:
        return self.log.seen

    def events(self) -> Events:
        return self.log.events

    def start(self) -> Event:
        return Event("start", 0)

    def end(self) -> Event:
        return Event("end", self.log.frames - 1)

    def all_events(self) -> Events:
        seen = self.log.seen
        return tuple(Event("collision", -1, (one, other)) for one in seen for other in seen if one < other)

    def unseen_events(self) -> Events:
        if self.log.future is None:
            raise ValueError("the log has no future")
        return self.log.future

    def unique(self, several: Objects | Events) -> int | Event:
        if len(several) != 1:
            raise ValueError(f"expected one, got {len(several)}")
        return several[0]

    def count(self, several: Objects | Events) -> str:
        return str(len(several))

    def exist(self, several: Objects | Events) -> str:
        return _word(bool(several))

    def negate(self, answer: str) -> str:
        if answer not in ("yes", "no"):
            raise ValueError(f"expected yes or no, got {answer!r}")
        return _word(answer == "no")

    def belong_to(self, one: int | Event, several: Events | Causes) -> str:
        events = several.events if isinstance(several, Causes) else several
        if isinstance(one, Event):
            return _word(any(one.alike(other) for other in events))
        if isinstance(several, Causes):
            return _word(one in several.objects)
        return _word(any(one in other.objects for other in events))

    def filter_moving(self, several: Objects, frame: int | None) -> Objects:
        return tuple(one for one in several if self._visible(one, frame) and self._moves(one, frame))

    def filter_stationary(self, several: Objects, frame: int | None) -> Objects:
        return tuple(one for one in several if self._visible(one, frame) and not self._moves(one, frame))

    def filter_in(self, several: Events, whose: int | Objects) -> Events:
        return _of(several, "in", whose)

    def filter_out(self, several: Events, whose: int | Objects) -> Events:
        return _of(several, "out", whose)

    def filter_collision(self, several: Events, whose: int | Objects) -> Events:
        return _of(several, "collision", whose)

    def filter_order(self, several: Events, order: str) -> Event:
        if order not in _ORDERS:
            raise ValueError(f"expected first, second or last, got {order!r}")
        place = _ORDERS[order]
        if place >= len(several) or not several:
            raise ValueError(f"there is no {order} of {len(several)}")
        return several[place]

    def filter_before(self, several: Events, event: Event) -> Events:
        return tuple(one for one in several if one.frame < event.frame)

    def filter_after(self, several: Events, event: Event) -> Events:
        return tuple(one for one in several if one.frame > event.frame)

    def filter_ancestor(self, several: Events, event: Event) -> Causes:
        found = self.log.causes(event)
        return Causes(tuple(one for one in several if one in found.events), found.objects)

    def get_frame(self, event: Event) -> int:
        return event.frame

    def get_object(self, event: Event) -> int:
        if event.type not in ("in", "out"):
            raise ValueError(f"expected an entrance or exit, got {event.type}")
        return event.objects[0]

    def get_col_partner(self, event: Event, one: int) -> int:
        if event.type != "collision" or one not in event.objects:
            raise ValueError(f"expected a collision of object {one}")
        return event.objects[event.objects[0] == one]

    def get_counterfact(self, several: Events, removed: int) -> Events:
        if self.log.without is None:
            raise ValueError("the log has no re-simulations")
        happen = self.log.without[removed]
        return tuple(one for one in several if any(one.alike(other) for other in happen))

    def attribute(self, kind: str, one: int) -> str:
        return str(getattr(self.log.things[one], kind))

    def filter_attribute(self, kind: str, several: Objects, word: str) -> Objects:
        if word not in _WORDS[kind]:
            raise ValueError(f"{word!r} is no {kind}")
        return tuple(one for one in several if self.attribute(kind, one) == word)

    def _visible(self, one: int, frame: int | None) -> bool:
        return bool(self.log.visible[:, one].any() if frame is None else self.log.visible[frame, one])

    def _moves(self, one: int, frame: int | None) -> bool:
        if frame is None:
            return bool((self.log.moving[:, one] & self.log.visible[:, one]).any())
        return bool(self.log.moving[frame, one])


def _of(events: Events, kind: str, whose: int | Objects) -> Events:
    objects = {whose} if isinstance(whose, int) else set(whose)
    return tuple(one for one in events if one.type == kind and objects & set(one.objects))


def _word(truth: bool) -> str:
    return "yes" if truth else "no"


# What an operation may be given: a check for each thing it takes off the stack, the lowest first.
_Check = Callable[[Any], bool]


def _is_object(value: Any) -> bool:
    return isinstance(value, int)


def _is_event(value: Any) -> bool:
    return isinstance(value, Event)


def _are_objects(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_object, value))


def _are_events(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_event, value))


def _is_word(value: Any) -> bool:
    return isinstance(value, str)


def _are_some(value: Any) -> bool:
    return isinstance(value, tuple)


def _is_frame(value: Any) -> bool:
    return value is None or isinstance(value, int)


def _is_entry(value: Any) -> bool:
    return isinstance(value, int | Event)


def _are_reasons(value: Any) -> bool:
    return isinstance(value, Causes) or _are_events(value)


def _is_whose(value: Any) -> bool:
    return _is_object(value) or _are_objects(value)


_TAKES: dict[str, tuple[_Check, ...]] = {
    **dict.fromkeys(("objects", "events", "start", "end", "all_events", "unseen_events"), ()),
    **dict.fromkeys(("unique", "count", "exist"), (_are_some,)),
    "negate": (_is_word,),
    "belong_to": (_is_entry, _are_reasons),
    **{f"filter_{kind}": (_are_objects, _is_word) for kind in _WORDS},
    **dict.fromkeys(("filter_moving", "filter_stationary"), (_are_objects, _is_frame)),
    **dict.fromkeys(("filter_in", "filter_out", "filter_collision"), (_are_events, _is_whose)),
    "filter_order": (_are_events, _is_word),
    **dict.fromkeys(("filter_before", "filter_after", "filter_ancestor"), (_are_events, _is_event)),
    **dict.fromkeys(("get_frame", "get_object"), (_is_event,)),
    "get_col_partner": (_is_event, _is_object),
    "get_counterfact": (_are_events, _is_object),
    **{f"query_{kind}": (_is_object,) for kind in _WORDS},
}
OPERATIONS = tuple(_TAKES)
# The executor's names for operations of the published questions. Its `events filter_start` is `start`.
_ALIASES = {
    "query_frame": "get_frame",
    "query_object": "get_object",
    "query_collision_partner": "get_col_partner",
    "filter_counterfact": "get_counterfact",
}
_LITERALS = {*COLORS, *MATERIALS, *SHAPES, *_ORDERS}


def execute(program: Sequence[str], log: EventLog) -> str:
    """Run a program; of a choice, its own followed by the question's.

    Args:
        program: in postfix.
        log: of the video.

    Returns:
        The answer: a number, `yes` or `no`, a colour, a material or a shape.

    Raises:
        ProgramError: a word is unknown, a word lacks what it works on, or it does not fit the video.
    """
    machine = _Machine(log)
    stack: list[Any] = []
    for place, word in enumerate(program):
        try:
            _step(machine, stack, _ALIASES.get(word, word))
        except ValueError as error:
            raise ProgramError(f"program word {place} ({word}): {error}") from None
    if len(stack) != 1 or not isinstance(stack[0], str):
        raise ProgramError(
            f"program of {len(program)} words leaves no answer (ends with {len(stack)} values)"
        )
    return stack[0]


def answer_of(log: EventLog, program: Sequence[str], choice: Sequence[str] | None = None) -> str:
    """What a question's file should say: `answer` of a question, or `correct` or `wrong` of a choice.

    Raises:
        ProgramError: as `execute`.
    """
    if choice is None:
        return execute(program, log)
    found = execute([*choice, *program], log)
    if found not in ("yes", "no"):
        raise ProgramError(f"a choice's answer is {found!r}, expected yes or no")
    return "correct" if found == "yes" else "wrong"


def _step(machine: _Machine, stack: list[Any], word: str) -> None:
    if word in ("filter_start", "filter_end"):  # the executor's way: of all events
        if not stack or not _are_events(stack[-1]):
            raise ValueError("expected events")
        stack[-1] = machine.start() if word == "filter_start" else machine.end()
        return
    if word not in _TAKES:
        if word not in _LITERALS and word != "null":
            raise ValueError("is unknown")
        stack.append(None if word == "null" else word)
        return
    takes = _TAKES[word]
    if len(stack) < len(takes):
        raise ValueError(f"needs {len(takes)} values, there are {len(stack)}")
    given = stack[len(stack) - len(takes) :]
    for value, fits in zip(given, takes, strict=True):
        if not fits(value):
            raise ValueError(f"cannot work on {value!r}")
    del stack[len(stack) - len(takes) :]
    stack.append(_operation(machine, word)(*given))


def _operation(machine: _Machine, word: str) -> Callable[..., Any]:
    verb, _, kind = word.partition("_")
    if kind in _WORDS and verb in ("filter", "query"):
        act = machine.filter_attribute if verb == "filter" else machine.attribute
        return lambda *given: act(kind, *given)
    found: Callable[..., Any] = getattr(machine, word)
    return found
