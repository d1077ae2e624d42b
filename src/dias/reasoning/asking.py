"""Questions about a user's own clip, and where the network looks for the answer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int32, Int64, UInt8

from dias.checkpoints import find
from dias.config import from_dict, to_dict
from dias.data.samples import Skipped
from dias.data.streams import StreamFrame
from dias.errors import DiasError
from dias.files import sha256
from dias.inference.tracks import Tracker
from dias.models import ClipModel
from dias.nn.slots.aggregation import AggregationConfig
from dias.reasoning.evidence import Foresight, View, evidence_of
from dias.reasoning.fit import answered
from dias.reasoning.questions import DESCRIPTIVE, PREDICTIVE, TYPES, Decisions
from dias.reasoning.trained import TrainedReasoner
from dias.reasoning.vocabulary import PADDING


@dataclass(frozen=True, kw_only=True, eq=False)
class Watched:
    """A clip that was followed as far as a network sees it.

    Attributes:
        name: of the clip.
        slots: row n is one thing in all frames.
        kept: in which frames it is there.
        frames: place of each frame among those that were taken, rising; what could not be read is missing.
        pictures: of the frames of the network's view, by number there.
        labels: slot of each pixel of these, -1 where the model did not look.
        times: seconds since the beginning of the video, of these.
    """

    name: str
    slots: Float32[np.ndarray, "time slots dim"]
    kept: Bool[np.ndarray, "time slots"]
    frames: Int64[np.ndarray, " time"]
    pictures: dict[int, UInt8[np.ndarray, "h w 3"]]
    labels: dict[int, Int32[np.ndarray, "h w"]]
    times: dict[int, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a network says to a question, or of a choice.

    Attributes:
        text: the question, or the choice.
        answer: a word; of a choice `right` or `wrong`.
        probability: of it.
        others: the next likeliest words.
        attention: shares of the network's attention that slots have, in each frame of the view; it has the
            rest for words.
    """

    text: str
    answer: str
    probability: float
    others: tuple[tuple[str, float], ...]
    attention: Float32[np.ndarray, "t n"]


def tracker_for(trained: TrainedReasoner, model: ClipModel, checkpoint: Path, *, batch: int = 8) -> Tracker:
    """What follows a clip's objects as those were followed that a network was trained on.

    Args:
        trained: the network.
        model: loaded from the checkpoint.
        checkpoint: file or run folder; the network's slots must be of it.
        batch: frames that the backbone sees at once.

    Raises:
        SlotsError: the network was trained on slots of another model.
        DiasError: it was trained without slots.
    """
    if not trained.recipe.network.sees:
        raise DiasError("the network was trained without slots (network.sees): it does not look at clips")
    wanted, file = trained.extraction, find(checkpoint)
    if wanted.threshold is not None:
        told = from_dict(AggregationConfig, {"threshold": wanted.threshold}, where="network")
        model = model.with_threshold(told.threshold)
    tracker = Tracker(model, map=wanted.map, size=wanted.size, batch=batch, fit=wanted.fit, seed=wanted.seed)
    found = {**to_dict(wanted), "checkpoint": sha256(file), "weights": tracker.backbone.weights.sha256}
    trained.check(file, type(wanted)(**found))
    return tracker


def watch(
    tracker: Tracker,
    frames: Iterable[StreamFrame],
    view: View,
    *,
    name: str,
    on_frame: Callable[[], None] = lambda: None,
) -> Watched:
    """Follow a clip from its first frame as far as a network looks.

    Args:
        tracker: as `tracker_for` gives it.
        frames: of the clip; those behind the view's last are not asked for.
        view: of the network.
        name: of the clip.
        on_frame: called after each frame.

    Raises:
        DiasError: the clip is too short.
    """
    places, slots, kept = list[int](), [], []
    pictures, labels, times = {}, {}, {}
    for place, found in enumerate(tracker.stream(islice(frames, view.needs))):
        if not isinstance(found, Skipped):
            places.append(place)
            slots.append(found.slots * found.kept[:, None])
            kept.append(found.kept)
            column, between = divmod(place, view.stride)
            if not between:
                pictures[column], labels[column], times[column] = found.picture, found.labels, found.time
        on_frame()
    if not places:
        raise DiasError(f"{name}: no frame of it can be read")
    return Watched(
        name=name,
        slots=np.stack(slots),
        kept=np.stack(kept),
        frames=np.array(places),
        pictures=pictures,
        labels=labels,
        times=times,
    )


@torch.inference_mode()
def ask(
    trained: TrainedReasoner,
    clip: Watched,
    question: str,
    choices: Sequence[str] = (),
    *,
    foresight: Foresight | None = None,
) -> tuple[Answer, ...]:
    """Answer a question, or judge each of its choices.

    Args:
        trained: the network.
        clip: what is asked about.
        question: in words that the network knows.
        choices: statements to be judged; without any the question is answered by a word.
        foresight: where the question is about what comes after the clip: foretells it, for networks that were
            trained with that.

    Raises:
        QuestionError: a word is unknown, or there are too many.
        DiasError: the clip is too short.
    """
    asked = check_words(trained, question, choices, predictive=foresight is not None)
    view = trained.recipe.view
    if foresight is None:
        view = View(frames=view.frames, stride=view.stride)
    evidence = evidence_of([clip], view, foresight=foresight)
    told = answered(trained.network, evidence, asked, torch.arange(len(asked)), attention=True)
    assert told.attention is not None  # `tracker_for` refuses networks without slots
    looked = told.attention.float().numpy()
    if not choices:
        return (_word(trained, question, told.answers[0].double().softmax(dim=0), looked[0]),)
    chances = told.right.double().sigmoid().tolist()
    return tuple(
        Answer(
            text=text,
            answer="right" if chance > 0.5 else "wrong",
            probability=max(chance, 1 - chance),
            others=(),
            attention=where,
        )
        for text, chance, where in zip(choices, chances, looked, strict=True)
    )


def check_words(
    trained: TrainedReasoner, question: str, choices: Sequence[str] = (), *, predictive: bool = False
) -> Decisions:
    """The question in numbers, once or with each choice; of use before a clip is looked at.

    Raises:
        QuestionError: a word is unknown, or there are too many.
    """
    words, lengths = trained.language.vocabulary, trained.language.lengths
    asked = words.encode(question, room=lengths.question)
    said = [words.encode(choice, room=lengths.choice, what="choice") for choice in choices]
    said = said or [[PADDING] * lengths.choice]
    type = PREDICTIVE if predictive else TYPES.index("counterfactual") if choices else DESCRIPTIVE
    nothing = torch.zeros(len(said), dtype=torch.int64)
    return Decisions(
        clip=nothing,
        question=torch.tensor([asked] * len(said)),
        choice=torch.tensor(said),
        answer=nothing,
        type=nothing + type,
        number=nothing,
        kinds=(TYPES[type],),
    )


def _word(
    trained: TrainedReasoner, question: str, chances: torch.Tensor, attention: Float32[np.ndarray, "t n"]
) -> Answer:
    likely, columns = chances.topk(min(3, len(chances)))
    words = [trained.language.answers[column] for column in columns.tolist()]
    first, *others = zip(words, likely.tolist(), strict=True)
    return Answer(
        text=question, answer=first[0], probability=first[1], others=tuple(others), attention=attention
    )
