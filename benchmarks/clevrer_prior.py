"""How much of the answers to generated CLEVRER questions can be told from their words alone.

python benchmarks/clevrer_prior.py

Makes questions without frames (`dias synth clevrer --no-frames`), learns a logistic regression on the words
of those of the training split; judges it, the most frequent answer and chance on the validation split.

- words: of a descriptive question its words and pairs of neighbouring words, one model a subtype; of a choice
  those of the question, those of the choice, and how many of the choice's colours, materials and shapes the
  question has too, one model a type.
- most frequent: the answer that training questions of the subtype have most often; of choices, likewise.
- random: expected, of an answer drawn evenly among those of the subtype; of choices, by a coin.

A question with choices counts as right if each of its choices is judged rightly.
"""

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from dias.data.clevrer import (
    COLORS,
    MATERIALS,
    SHAPES,
    Question,
    answer_of,
    log_of,
    read_annotation,
    read_questions,
)
from dias.data.clevrer.layout import annotation_file
from dias.data.synthetic.clevrer.writing import ClevrerSettings, write_clevrer
from harness import Row, markdown, save

Features = dict[str, float]
TYPES = ("explanatory", "predictive", "counterfactual")


def main() -> None:
    """Make questions, measure, print and save."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--validation", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the questions here; a run that was stopped goes on")
    given = parser.parse_args()
    settings = ClevrerSettings(clips=given.clips, validation=given.validation, seed=given.seed, render=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        write_clevrer(folder, settings, workers=1)
        train, held_out = (
            [question for video in read_questions(folder / f"{split}.json") for question in video.questions]
            for split in ("train", "validation")
        )
        shown = as_shown(folder)
    rows = measured(train, held_out)
    print(markdown(rows), markdown(shown), sep="\n\n")
    about = (
        "accuracy (%) of answers told without the video, on questions about "
        f"{given.validation} videos held out; trained on those about {given.clips} others"
    )
    print(save("clevrer-prior", [*rows, *shown], about=about))


def measured(train: Sequence[Question], held_out: Sequence[Question]) -> list[Row]:
    """A row a subtype of descriptive questions, one for all of them, and one a type with choices."""
    subtypes = sorted({question.question_subtype or "" for question in held_out} - {""})
    rows, hits = [], Counter[str]()
    for subtype in subtypes:
        ours = [
            [(words(one), one.answer or "") for one in part if one.question_subtype == subtype]
            for part in (train, held_out)
        ]
        found = judged(*ours)
        tested = len(ours[1])
        right = {name: sum(values) for name, values in found.items()}
        hits.update({"tested": tested, "trained": len(ours[0]), **right})
        rows.append(_row(f"descriptive: {subtype}", len(ours[0]), tested, right))
    rows.insert(0, _row("descriptive", hits.pop("trained"), hits.pop("tested"), dict(hits)))
    for type in TYPES:
        rows += _choices(type, [one for one in train if one.question_type == type],
                         [one for one in held_out if one.question_type == type])  # fmt: skip
    return rows


def _choices(type: str, train: Sequence[Question], held_out: Sequence[Question]) -> list[Row]:
    parts = [
        [(words(one, i), choice.answer or "", place) for place, one in enumerate(part)
         for i, choice in enumerate(one.choices or ())]
        for part in (train, held_out)
    ]  # fmt: skip
    found = judged(*([(features, answer) for features, answer, _ in part] for part in parts))
    options = {name: sum(values) for name, values in found.items()}
    whole = {}
    for name, values in found.items():
        product: dict[int, float] = defaultdict(lambda: 1.0)
        for value, (_, _, place) in zip(values, parts[1], strict=True):
            product[place] *= value
        whole[name] = sum(product.values())
    return [
        _row(f"{type}, per option", len(parts[0]), len(parts[1]), options),
        _row(f"{type}, per question", len(train), len(held_out), whole),
    ]


def as_shown(folder: Path) -> list[Row]:
    """Counterfactual choices held out that are right or wrong just as if nothing were taken away."""
    same, tested = 0, 0
    for video in read_questions(folder / "validation.json"):
        log = log_of(read_annotation(annotation_file(folder, "validation", video.scene_index)))
        for question in video.questions:
            for choice in question.choices or ():
                if question.question_type == "counterfactual" and choice.program and question.program:
                    negated = question.program[-1:] if question.program[-1] == "negate" else ()
                    same += answer_of(log, ("events", "belong_to", *negated), choice.program) == choice.answer
                    tested += 1
    return [{"counterfactual options": tested, "as in the video itself (%)": round(100 * same / tested, 1)}]


def judged(
    train: Sequence[tuple[Features, str]], held_out: Sequence[tuple[Features, str]]
) -> dict[str, list[float]]:
    """For each row, how surely each question held out is answered rightly: 0 or 1; of random, the chance."""
    answers = [answer for _, answer in train]
    model = make_pipeline(DictVectorizer(), LogisticRegression(C=0.1, max_iter=2000))
    model.fit([features for features, _ in train], answers)
    guessed = model.predict([features for features, _ in held_out])
    often = Counter(answers).most_common(1)[0][0]
    return {
        "words": [float(guess == answer) for guess, (_, answer) in zip(guessed, held_out, strict=True)],
        "most frequent": [float(often == answer) for _, answer in held_out],
        "random": [1 / len(set(answers))] * len(held_out),
    }


def words(question: Question, choice: int | None = None) -> Features:
    """What a model that sees no video is given."""
    asked = question.question.lower().rstrip("?").replace(",", "").replace("'s", " 's").split()
    found: Features = {f"q {word}": 1.0 for word in asked}
    if choice is None:
        return found | {f"q {a} {b}": 1.0 for a, b in pairwise(asked)}
    said = (question.choices or ())[choice].choice.lower().replace("'s", " 's").split()
    negated = "not" in asked
    found |= {f"c {word}": 1.0 for word in said} | {f"c {word} {negated}": 1.0 for word in said}
    properties = {*COLORS, *MATERIALS, *SHAPES}
    found[f"shared {len(properties & set(asked) & set(said))} {negated}"] = 1.0
    return found


def _row(questions: str, trained: int, tested: int, right: dict[str, float]) -> Row:
    return {
        "questions": questions,
        "trained": trained,
        "tested": tested,
        **{name: round(100 * value / max(1, tested), 1) for name, value in right.items()},
    }


if __name__ == "__main__":
    main()
