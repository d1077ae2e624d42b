"""Networks beside what answers without a look."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from dias.reasoning.evidence import Foresight, evidence_of
from dias.reasoning.material import Material
from dias.reasoning.questions import decisions
from dias.reasoning.scores import Reasoning, Row, by_chance, by_habit, score, unseen
from dias.reasoning.trained import TrainedReasoner, judge


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A network in an evaluation.

    Attributes:
        name: of its row.
        trained: the network.
        foresight: its predictor, where it looks ahead.
    """

    name: str
    trained: TrainedReasoner
    foresight: Foresight | None = None


def evaluate(
    contenders: Sequence[Contender], material: Material, *, on_row: Callable[[], None] = lambda: None
) -> Reasoning:
    """Ask all questions: first the networks, then the most common answer and chance.

    The last two rows know the answers of the first network's training questions.

    Args:
        contenders: at least one.
        material: the questions, and the slots of their clips.
        on_row: called after each network.

    Raises:
        QuestionError: a question has a word that a network does not know, or too many.
        DiasError: a clip is too short for a network, or there is no question.
    """
    rows: list[Row] = []
    for each in contenders:
        asked = decisions(material.asked, each.trained.language)
        evidence = evidence_of(material.clips, each.trained.recipe.view, foresight=each.foresight)
        rows.append(score(each.name, asked, judge(each.trained.network, evidence, asked)))
        on_row()
    language = contenders[0].trained.language
    asked = decisions(material.asked, language)
    rows.append(score("most common answer", asked, by_habit(asked, language)))
    rows.append(score("random", asked, by_chance(asked, language)))
    return Reasoning(clips=len(material.clips), rows=tuple(rows), unseen=unseen(asked))


def contender(
    trained: TrainedReasoner, *, foresight: Foresight | None = None, device: torch.device | None = None
) -> Contender:
    """A network under the name that its row should have, moved to a device."""
    if not trained.recipe.network.sees:
        name = "question only"
    else:
        name = "slots, foretold too" if trained.recipe.view.ahead else "slots"
    if device is not None:
        trained.network.to(device)
    return Contender(name=name, trained=trained, foresight=foresight)
