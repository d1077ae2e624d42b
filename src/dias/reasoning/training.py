"""From questions about clips to a trained network."""

from collections.abc import Callable
from pathlib import Path

import torch

from dias.config import to_dict
from dias.reasoning.evidence import Evidence, Foresight
from dias.reasoning.fit import fit
from dias.reasoning.keeping import Keeper, key_of
from dias.reasoning.material import Material
from dias.reasoning.questions import decisions, language_of
from dias.reasoning.recipe import ReasoningRecipe
from dias.reasoning.trained import TrainedReasoner
from dias.slots import SlotHeader


def train_on(
    material: Material,
    evidence: Evidence,
    header: SlotHeader,
    *,
    recipe: ReasoningRecipe,
    foresight: Foresight | None = None,
    device: torch.device | None = None,
    state: Path | None = None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> TrainedReasoner:
    """Train a network.

    Args:
        material: clips and questions.
        evidence: the clips, as the recipe's view sees them.
        header: of the slots.
        recipe: how.
        foresight: what foretold the frames ahead; None: nothing did.
        device: where; the CPU if None.
        state: file that a stopped training goes on from, and this one's state goes to until it is done.
        on_step: called after each step with how many are done, and its loss.

    Raises:
        QuestionError: a question has no answer, or is too long.
        DiasError: there is no question.
        TrainingError: the loss is not a number.
        CheckpointError: `state` is damaged, or of another training.
    """
    language = language_of((question for _, question in material.asked), recipe.lengths)
    asked = decisions(material.asked, language)
    told = None if foresight is None else foresight.sha256
    keeper = None
    if state is not None:
        about = to_dict(recipe), header.key, told, asked.question.tolist(), asked.choice.tolist()
        keeper = Keeper(state, key_of(*about, asked.answer.tolist()), recipe.fit.keep_every)
    network = fit(
        evidence,
        asked,
        language,
        network=recipe.network,
        view=recipe.view,
        config=recipe.fit,
        device=device,
        keeper=keeper,
        on_step=on_step,
    )
    if keeper is not None:
        keeper.forget()
    return TrainedReasoner(
        network=network,
        recipe=recipe,
        language=language,
        extraction=header.extraction,
        slot_dim=header.slot_dim,
        fingerprint=header.fingerprint,
        predictor=told,
    )
