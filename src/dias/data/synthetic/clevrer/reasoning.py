"""Explanatory, predictive and counterfactual questions: what a simulator was asked about beside the video.

Choices come in pairs of a right and a wrong one that are alike in what their words tell: of one kind, and
naming as many objects of the question. Then one is left out in half of the questions. So each choice is right
as often as wrong, whatever kind it is of, and how many are right cannot be counted.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from dias.data.clevrer.log import Event, EventLog
from dias.data.clevrer.programs import execute
from dias.data.synthetic.clevrer.asking import Candidate, choosing
from dias.data.synthetic.clevrer.wording import Phrase, collision, passage, sentence, thing

_MOST_PAIRS = 2  # of choices


def reasoning(log: EventLog, rng: np.random.Generator) -> list[Candidate]:
    """Explanatory, predictive and counterfactual questions about a video."""
    return [*_explaining(log, rng), *_predicting(log, rng), *_supposing(log, rng)]


def _explaining(log: EventLog, rng: np.random.Generator) -> Iterator[Candidate]:
    for event in log.events:
        if event.type == "in" or sum(event.alike(other) for other in log.events) > 1:
            continue
        asked = _effect(log, event, rng)
        if asked is None:
            continue
        for negated in (False, True):
            program = ("events", *asked.program, "filter_ancestor", "belong_to", *(["negate"] * negated))
            groups = _reasons(log, event, rng)
            choices = _paired(log, program, groups, rng)
            if choices:
                words = f"Which of the following is {'not ' * negated}responsible for {asked.words}?"
                yield choosing(log, words, program, choices, type="explanatory", key=f"{negated}")


def _effect(log: EventLog, event: Event, rng: np.random.Generator) -> Phrase | None:
    """An event in the words of a question."""
    if event.type == "collision":
        found = collision(log, event, rng)
        if found is None:
            return None
        one, other, program = found
        if rng.random() < 0.5:
            return Phrase(f"{one.words}'s colliding with {other.words}", program)
        return Phrase(f"the collision between {one.words} and {other.words}", program)
    whose = thing(log, event.objects[0], rng)
    if whose is None:
        return None
    return Phrase(f"{whose.words}'s exiting the scene", passage(log, event, whose))


def _reasons(log: EventLog, event: Event, rng: np.random.Generator) -> dict[str, list[Phrase]]:
    """What may have led to an event, by what its words tell: kind, and how much of it the event names."""
    found: dict[str, list[Phrase]] = defaultdict(list)
    for number in log.seen:
        whose = thing(log, number, rng)
        if whose is not None and number not in event.objects:
            found["presence"].append(Phrase(f"the presence of {whose.words}", whose.program))
    for other in log.events:
        named = len(set(other.objects) & set(event.objects))
        if other.type == "out" or other.alike(event) or named == len(other.objects):
            continue
        if sum(other.alike(one) for one in log.events) > 1:
            continue
        if other.type == "in":
            whose = thing(log, other.objects[0], rng)
            if whose is not None:
                words = f"{whose.words}'s entering the scene"
                found["entrance"].append(Phrase(words, passage(log, other, whose)))
        else:
            both = collision(log, other, rng)
            if both is not None:
                words = f"the collision between {both[0].words} and {both[1].words}"
                found[f"collision {named}"].append(Phrase(words, both[2]))
    return found


def _predicting(log: EventLog, rng: np.random.Generator) -> Iterator[Candidate]:
    """Of objects that are in the picture when the video ends."""
    last = np.flatnonzero(log.visible[-1])
    pairs = [Event("collision", -1, (int(a), int(b))) for a in last for b in last if a < b]
    program = ("unseen_events", "belong_to")
    groups = {"": _possible(log, pairs, rng)}
    choices = _paired(log, program, groups, rng, most=1, whole=True)
    if choices:
        words = ("What will happen next?", "Which event will happen next?")[int(rng.integers(2))]
        yield choosing(log, words, program, choices, type="predictive", key="next")


def _supposing(log: EventLog, rng: np.random.Generator) -> Iterator[Candidate]:
    """Without an object."""
    for removed in log.seen:
        whom = thing(log, removed, rng)
        if whom is None:
            continue
        negated = bool(rng.random() < 0.5)
        pairs = [
            Event("collision", -1, (one, other))
            for one in log.seen
            for other in log.seen
            if one < other and removed not in (one, other)
        ]
        program = ("all_events", *whom.program, "get_counterfact", "belong_to", *(["negate"] * negated))
        happened, removal = (
            ("events", "belong_to"),
            ("all_events", *whom.program, "get_counterfact", "belong_to"),
        )
        choices = _paired(log, program, {"": _possible(log, pairs, rng)}, rng, unlike=(happened, removal))
        if choices:
            which = "which event" if negated or rng.random() < 0.5 else "what"
            words = f"{which} will {'not ' * negated}happen"
            if rng.random() < 0.5:
                words = sentence(f"{words} if {whom.words} is removed?")
            else:
                words = sentence(f"without {whom.words}, {words}?")
            yield choosing(
                log,
                words,
                program,
                choices,
                type="counterfactual",
                key=f"{negated}",
                balance=_news(log, choices, happened, removal),
            )


def _news(log: EventLog, choices: Sequence[Phrase], one: tuple[str, ...], other: tuple[str, ...]) -> str:
    """Whether a program judges some choice unlike another: `changed` or `same`."""
    return "changed" if any(_differ(log, choice, one, other) for choice in choices) else "same"


def _differ(log: EventLog, choice: Phrase, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return execute([*choice.program, *one], log) != execute([*choice.program, *other], log)


def _possible(log: EventLog, pairs: Sequence[Event], rng: np.random.Generator) -> list[Phrase]:
    """Collisions, as statements."""
    found = []
    for event in pairs:
        both = collision(log, event, rng, of="all_events")
        if both is not None:
            one, other, program = both
            words = f"{one.words} and {other.words} collide"
            if rng.random() < 0.5:
                words = f"{one.words} collides with {other.words}"
            found.append(Phrase(sentence(words), program))
    return found


def _paired(
    log: EventLog,
    program: tuple[str, ...],
    groups: dict[str, list[Phrase]],
    rng: np.random.Generator,
    *,
    most: int = _MOST_PAIRS,
    whole: bool = False,
    unlike: tuple[tuple[str, ...], tuple[str, ...]] | None = None,
) -> list[Phrase]:
    """Right and wrong choices of the same groups in random order; none where there is no pair.

    Those that the two programs of `unlike` judge differently are taken first.
    """
    pairs = []
    for name in sorted(groups):
        right: list[Phrase] = []
        wrong: list[Phrase] = []
        for phrase in groups[name]:
            (right if execute([*phrase.program, *program], log) == "yes" else wrong).append(phrase)
        for those in (right, wrong):
            those[:] = [those[i] for i in rng.permutation(len(those))]
            if unlike is not None:
                those.sort(key=lambda one: not _differ(log, one, *unlike))
        pairs += list(zip(right, wrong, strict=False))
    order = range(len(pairs)) if unlike is not None else rng.permutation(len(pairs))
    chosen = [pairs[i] for i in order[:most]]
    choices = [choice for pair in chosen for choice in pair]
    choices = [choices[i] for i in rng.permutation(len(choices))]
    return choices[:-1] if not whole and len(choices) > 2 and rng.random() < 0.5 else choices
