"""Which of all possible questions are kept, so that their words alone do not tell the answer.

Questions of one key (the same words but for the objects named) are kept so that their answers come in the
shares of their type, whatever the videos are like: as many as the scarcest answer allows. A key that lacks an
answer altogether has none kept, but for one question an answer in sets too small to balance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from dias.data.clevrer.values import COLORS, MATERIALS, SHAPES, Question
from dias.data.synthetic.clevrer.asking import Candidate

# Shares of the answers that questions of a type have; other answers (more than three) are not asked for.
_NUMBERS = {"0": 0.28, "1": 0.28, "2": 0.26, "3": 0.18}
_SHARES: dict[str, Mapping[str, float]] = {
    "count": _NUMBERS,
    "exist": {"yes": 0.5, "no": 0.5},
    "query_color": dict.fromkeys(COLORS, 1 / len(COLORS)),
    "query_material": dict.fromkeys(MATERIALS, 1 / len(MATERIALS)),
    "query_shape": dict.fromkeys(SHAPES, 1 / len(SHAPES)),
}
# Most questions of a type a video, as in CLEVRER: half of a video's descriptive ones are no queries.
_MOST = {"count": 4.0, "exist": 2.0, "query_color": 1.9, "query_material": 1.5, "query_shape": 1.7}
_MOST_CHOICES = {"explanatory": 2, "predictive": 1, "counterfactual": 2}
_LEAST = 1  # kept of each answer of a key that cannot be balanced, of sets with so few videos:
_FEW = 30
_ALIKE = 3  # most of one video with one key and answer


def balanced(videos: Sequence[Iterable[Candidate]], *, seed: Sequence[int]) -> list[tuple[Question, ...]]:
    """Questions of each video, numbered, in the order of CLEVRER's types."""
    rng = np.random.default_rng(seed)
    kept: list[list[Question]] = [[] for _ in videos]
    pools: dict[str, dict[str, dict[str, list[tuple[int, Question]]]]] = {}
    rest: dict[tuple[int, str], list[Candidate]] = defaultdict(list)
    for place, candidates in enumerate(videos):
        for candidate in _thinned(candidates, rng):
            question = candidate.question
            if question.question_subtype is None:
                rest[place, question.question_type].append(candidate)
            elif candidate.answer in _SHARES[question.question_subtype]:
                pool = pools.setdefault(question.question_subtype, {}).setdefault(candidate.key, {})
                pool.setdefault(candidate.answer, []).append((place, question))
    for subtype in sorted(pools):
        for place, question in _drawn(pools[subtype], subtype, len(videos), rng):
            kept[place].append(question)
    for place, type in sorted(rest):
        those = [rest[place, type][i] for i in rng.permutation(len(rest[place, type]))]
        those.sort(key=lambda one: one.answer != "changed")
        kept[place] += [one.question for one in those[: _MOST_CHOICES[type]]]
    return [_numbered(questions, rng) for questions in kept]


def _thinned(candidates: Iterable[Candidate], rng: np.random.Generator) -> list[Candidate]:
    """In random order, without repeated words, and few that are alike."""
    everything = list(candidates)
    seen: set[str] = set()
    often: Counter[tuple[str, str]] = Counter()
    found = []
    for i in rng.permutation(len(everything)):
        one = everything[i]
        alike = (one.key, one.answer)
        free = one.question.question_subtype is None or often[alike] < _ALIKE
        if one.question.question in seen or not free:
            continue
        seen.add(one.question.question)
        often[alike] += 1
        found.append(one)
    return found


def _drawn(
    pools: Mapping[str, Mapping[str, list[tuple[int, Question]]]],
    subtype: str,
    videos: int,
    rng: np.random.Generator,
) -> list[tuple[int, Question]]:
    """Questions of a subtype: of each key so many of each answer."""
    shares = _SHARES[subtype]
    whole = {
        key: min(len(pool.get(answer, ())) / share for answer, share in shares.items())
        for key, pool in pools.items()
    }
    total = sum(whole.values())
    part = min(1.0, _MOST[subtype] * videos / total) if total else 1.0
    found = []
    for key in sorted(pools):
        for answer in sorted(shares):
            there = pools[key].get(answer, [])
            # By chance up or down, so that a key with few questions is no more often one answer than another.
            wanted = int(part * whole[key] * shares[answer] + rng.random())
            if videos < _FEW:
                wanted = max(wanted, _LEAST if rng.random() < 0.5 else 0)
            chosen = rng.permutation(len(there))[:wanted]
            found += [there[i] for i in chosen]
    return found


def _numbered(questions: list[Question], rng: np.random.Generator) -> tuple[Question, ...]:
    order = ("descriptive", "explanatory", "predictive", "counterfactual")
    mixed = [questions[i] for i in rng.permutation(len(questions))]
    mixed.sort(key=lambda one: order.index(one.question_type))
    return tuple(msgspec.structs.replace(one, question_id=i) for i, one in enumerate(mixed))
