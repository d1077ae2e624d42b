"""Words, decisions and scores, by hand."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dias.data.clevrer import Choice, Question
from dias.errors import DiasError, SettingError
from dias.reasoning.evidence import Foresight, View, evidence_of
from dias.reasoning.network import NetworkConfig
from dias.reasoning.questions import UNKNOWN, Decisions, Language, Lengths, decisions, language_of
from dias.reasoning.recipe import ReasoningRecipe, read_recipe
from dias.reasoning.scores import Reasoning, by_chance, by_habit, score, unseen
from dias.reasoning.tables import by_kind, table
from dias.reasoning.vocabulary import QuestionError, Vocabulary, words_of


def test_words_are_lower_case_without_marks() -> None:
    assert words_of("Without the Sphere, what's next?") == ("without", "the", "sphere", "what", "'s", "next")
    assert words_of("the blue cube’s colliding") == ("the", "blue", "cube", "'s", "colliding")


def test_words_become_numbers_and_nothing_is_cut() -> None:
    known = Vocabulary.of(["What is the shape?", "the sphere"])
    assert known.words == ("is", "shape", "sphere", "the", "what")
    assert known.encode("The shape is what?", room=6) == [4, 2, 1, 5, 0, 0]
    with pytest.raises(QuestionError, match="has 4 words, the model reads 3; say it in fewer"):
        known.encode("The shape is what?", room=3)
    with pytest.raises(
        QuestionError, match=r"choice 'the sphre': the word 'sphre' is not one of the 5 .* ones are sphere"
    ):
        known.encode("the sphre", room=5, what="choice")
    with pytest.raises(QuestionError, match=r"the word 'x' is not one of the 5 .*; it knows such as sphere"):
        known.encode("what x", room=5)
    with pytest.raises(QuestionError, match="has no words"):
        known.encode(" ?", room=5)


def worded(answer: str, kind: str = "query_color") -> Question:
    return Question(question_id=0, question="What color?", question_type="descriptive",
                    question_subtype=kind, answer=answer)  # fmt: skip


def chosen(*answers: str, type: str = "explanatory") -> Question:
    choices = tuple(
        Choice(choice_id=n, choice="the cube", answer=answer)  # type: ignore[arg-type]
        for n, answer in enumerate(answers)
    )
    return Question(question_id=0, question="Which?", question_type=type, choices=choices)  # type: ignore[arg-type]


TRAIN = [worded("red"), worded("red"), worded("blue"), worded("2", "count"), chosen("wrong", "correct"),
         chosen("wrong", "wrong"), chosen("correct", type="predictive")]  # fmt: skip


def test_decisions_are_one_an_answer_and_one_a_choice() -> None:
    _, rows = asked()
    assert rows.clip.tolist() == [3, 3, 3, 4, 4, 4, 4, 4]
    assert rows.type.tolist() == [0, 0, 1, 1, 1, 1, 1, 2]
    assert rows.number.tolist() == [0, 1, 2, 2, 3, 3, 3, 4]
    # The columns are 2, blue, red; nobody answered green in training.
    assert rows.answer.tolist() == [1, UNKNOWN, 1, 0, 1, 1, 0, 1]
    assert rows.choice.bool().any(dim=1).tolist() == [False, False] + [True] * 6
    assert unseen(rows) == 1


def asked() -> tuple[Language, Decisions]:
    language = language_of(TRAIN, Lengths(question=4, choice=3))
    questions = [
        (3, worded("blue")), (3, worded("green")), (4, chosen("correct", "wrong")),
        (4, chosen("correct", "correct", "wrong")), (4, chosen("correct", type="predictive")),
    ]  # fmt: skip
    rows = decisions(questions, language)
    # Of question 2 one choice is with another clip, to see that questions are told by number.
    return language, replace(rows, clip=torch.tensor([3, 3, 3, 4, 4, 4, 4, 4]))


def test_scores_by_hand() -> None:
    """Question 2 is judged rightly as a whole; of question 3 one of three choices is not."""
    _, rows = asked()
    found = score("it", rows, torch.tensor([1, 0, 1, 1, 1, 0, 1, 0], dtype=torch.float64))
    descriptive, explanatory, predictive = found.scores
    assert (descriptive.questions, descriptive.options, descriptive.per_question) == (2, 0, 0.5)
    assert math.isnan(descriptive.per_option)
    assert descriptive.by_kind == {"query_color": 0.5}
    assert (explanatory.questions, explanatory.options) == (2, 5)
    assert explanatory.per_question == 0.5
    assert explanatory.per_option == pytest.approx(4 / 5)
    assert (predictive.per_question, predictive.per_option, predictive.by_kind) == (0.0, 0.0, {})


def test_guesses_by_hand() -> None:
    """A coin is right about two choices a quarter of the time, about three an eighth."""
    language, rows = asked()
    chance = score("random", rows, by_chance(rows, language)).scores
    assert chance[0].per_question == (1 / 2 + 0) / 2  # among red and blue; green is never drawn
    assert chance[1].per_option == 0.5
    assert chance[1].per_question == (1 / 4 + 1 / 8) / 2
    habit = score("most common", rows, by_habit(rows, language)).scores
    assert habit[0].per_question == 0  # red
    assert habit[1].per_option == pytest.approx(2 / 5)  # wrong
    assert habit[1].per_question == 0
    assert habit[2].per_question == 1  # correct, of one


def test_a_result_is_shown_and_saved(tmp_path: Path) -> None:
    language, rows = asked()
    found = Reasoning(clips=2, rows=(score("random", rows, by_chance(rows, language)),), unseen=unseen(rows))
    assert [len(column._cells) for column in table(found).columns] == [2] * 6
    kinds = by_kind(found)
    assert kinds is not None
    assert kinds.row_count == 1
    found.save(tmp_path / "r.json", notes={"a": 1})
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["rows"][0]["scores"][0]["per_option"] is None
    assert (told["format"], told["a"], told["unseen"]) == ("dias-reasoning-result-1", 1, 1)
    assert "provenance" in told


def test_questions_that_cannot_teach_are_told() -> None:
    with pytest.raises(DiasError, match="there are none to learn from"):
        language_of([], Lengths())
    with pytest.raises(QuestionError, match="has no answer"):
        language_of([replace_answer(worded("red"))], Lengths())
    with pytest.raises(DiasError, match="there is none to score"):
        score("it", decisions([], language_of(TRAIN, Lengths())), torch.zeros(0, dtype=torch.float64))


def replace_answer(question: Question) -> Question:
    import msgspec

    return msgspec.structs.replace(question, answer=None)


class Clip:
    """A clip of two slots; slot n of frame t is (t, n)."""

    name = "video_00007"

    def __init__(self, frames: list[int]) -> None:
        self.frames = np.array(frames)
        self.slots = np.stack([[(t, 0), (t, 1)] for t in frames]).astype(np.float32)
        self.kept = np.array([[True, t % 2 == 0] for t in frames])


def test_frames_are_those_of_the_view_and_missing_ones_are_empty() -> None:
    seen = evidence_of([Clip([0, 1, 2, 3, 5, 6, 7])], View(frames=4, stride=2))
    assert seen.slots[0, :, 0].tolist() == [[0, 0], [2, 0], [0, 0], [6, 0]]
    assert seen.kept[0].tolist() == [[True, True], [True, True], [False, False], [True, True]]
    odd = evidence_of([Clip(list(range(4)))], View(frames=2, stride=3))
    assert odd.slots[0].tolist() == [[[0, 0], [0, 1]], [[3, 0], [0, 0]]]  # what is not kept is zeros
    with pytest.raises(DiasError, match=r"video_00007: is too short: 5 frames, 7 are needed \(3 frames, 3 a"):
        evidence_of([Clip(list(range(5)))], View(frames=3, stride=3))
    with pytest.raises(DiasError, match="there is no clip"):
        evidence_of([], View())


class Onward:
    """Each step adds one stride of two frames to the first number of a slot; tells what it was shown."""

    def rollout(self, slots: torch.Tensor, kept: torch.Tensor, *, steps: int) -> torch.Tensor:
        self.shown = slots[0, :, 0, 0].tolist()
        moved = torch.arange(1, steps + 1)[:, None, None] * torch.tensor([2.0, 0.0])
        return slots[:, -1:] + moved


def test_foretold_frames_come_behind_the_last_as_far_apart() -> None:
    ahead, who = View(frames=3, stride=4, ahead=2), Onward()
    clip = Clip(list(range(12)))
    seen = evidence_of([clip], ahead, foresight=Foresight(rollouter=who, stride=2, history=3))
    assert who.shown == [4, 6, 8]
    assert seen.slots[0, :, 0, 0].tolist() == [0, 4, 8, 12, 16]
    assert seen.ahead == 2
    assert bool(seen.kept.all())
    with pytest.raises(SettingError, match="must be a multiple of the predictor's 3"):
        evidence_of([clip], ahead, foresight=Foresight(rollouter=who, stride=3, history=3))
    with pytest.raises(SettingError, match="needs a predictor"):
        evidence_of([clip], ahead)
    with pytest.raises(DiasError, match="the predictor looks back 10 frames"):
        evidence_of([clip], ahead, foresight=Foresight(rollouter=who, stride=2, history=6))


def test_recipes_are_read_changed_and_checked() -> None:
    assert replace(read_recipe("clevrer"), about="") == ReasoningRecipe()
    small = read_recipe("clevrer-cpu", changes=["fit.steps=3"])
    assert (small.fit.steps, small.view.needs) == (3, 31)
    with pytest.raises(DiasError, match="those of reasoning are clevrer"):
        read_recipe("clevr")
    with pytest.raises(DiasError, match="unknown key; did you mean layers"):
        read_recipe("clevrer", changes=["network.layer=3"])
    with pytest.raises(SettingError, match="must divide the width 10"):
        NetworkConfig(width=10, heads=4)
