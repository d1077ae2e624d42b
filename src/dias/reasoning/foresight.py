"""Predictors of `dias predict`, for questions about what comes next."""

from pathlib import Path

from dias.errors import DiasError, SettingError
from dias.files import sha256
from dias.prediction import load_rollouter
from dias.reasoning.evidence import Foresight, View
from dias.reasoning.trained import TrainedReasoner
from dias.slots.header import Extraction


def foresight_of(file: Path, found: Extraction) -> Foresight:
    """Read a predictor for slots that were extracted like these.

    Raises:
        CheckpointError: there is none, or it is damaged.
        SlotsError: it was trained on slots of another model, or extracted otherwise.
    """
    predictor = load_rollouter(file)
    predictor.check(file, found)
    return Foresight(
        rollouter=predictor.rollouter,
        stride=predictor.fit.stride,
        history=predictor.rollouter.config.burn_in,
        sha256=sha256(file),
    )


def for_training(file: Path | None, found: Extraction, view: View) -> Foresight | None:
    """The predictor that a recipe's view needs; None where it looks at no frame ahead.

    Raises:
        SettingError: one is given and the view does not look ahead, or the other way round.
        DiasError: as `foresight_of`.
    """
    if file is None:
        if view.ahead:
            raise SettingError("view.ahead", view.ahead, "needs a predictor: give one with --predictor")
        return None
    if not view.ahead:
        raise SettingError("view.ahead", 0, "uses no predictor: say how many frames it is to foretell")
    return foresight_of(file, found)


def for_network(file: Path | None, trained: TrainedReasoner) -> Foresight | None:
    """The predictor that a network was trained with; None for one that was trained without.

    Raises:
        DiasError: it is missing or another, or as `foresight_of`.
    """
    if trained.predictor is None:
        return None
    wanted = f"the network was trained with the predictor {trained.predictor[:12]}"
    if file is None:
        raise DiasError(f"--predictor: {wanted}; give its file")
    if sha256(file) != trained.predictor:
        raise DiasError(f"{file}: is another predictor: {wanted}; give that one")
    return foresight_of(file, trained.extraction)


def for_question(file: Path | None, trained: TrainedReasoner) -> Foresight | None:
    """The predictor for a question about what comes next; None where none is given: it is of something else.

    Raises:
        DiasError: the network was trained without, or with another one.
    """
    if file is None:
        return None
    if trained.predictor is None:
        raise DiasError(f"{file}: the network was trained without a predictor; leave --predictor out")
    return for_network(file, trained)
