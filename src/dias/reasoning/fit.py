"""Train a network on questions: cross-entropy of answers, binary cross-entropy of choices."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from pydantic import NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor

from dias.config import STRICT, Fraction
from dias.errors import TrainingError
from dias.precision import Precision, arithmetic
from dias.reasoning.evidence import Evidence, View
from dias.reasoning.keeping import Keeper
from dias.reasoning.network import NetworkConfig, Reasoner, Told
from dias.reasoning.questions import PREDICTIVE, UNKNOWN, Decisions, Language
from dias.reasoning.vocabulary import PADDING
from dias.training.fitting import FittingConfig


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FitConfig(FittingConfig):
    """How a network is trained, on batches of decisions.

    Attributes:
        choice_weight: of the binary cross-entropy of choices beside the cross-entropy of answers.
        weight_decay: of Adam (decoupled); 0 as published.
        keep_every: steps between two writings of the state that a stopped training goes on from.
        precision: bf16 means mixed precision, and float32 on a processor that has no bf16.
    """

    steps: PositiveInt = 240_000
    batch: PositiveInt = 256
    warmup: Fraction = 0.1
    floor: Fraction = 0.0
    choice_weight: NonNegativeFloat = 1.0
    weight_decay: NonNegativeFloat = 0.0
    keep_every: PositiveInt = 1_000
    precision: Precision = "bf16"


def fit(
    evidence: Evidence,
    asked: Decisions,
    language: Language,
    *,
    network: NetworkConfig,
    view: View,
    config: FitConfig,
    device: torch.device | None = None,
    keeper: Keeper | None = None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> Reasoner:
    """Train a network.

    Args:
        evidence: clips.
        asked: about them.
        language: of the questions.
        network: its size.
        view: frames that were seen.
        config: how.
        device: where; the CPU if None.
        keeper: takes up the state of a training that was stopped, and keeps this one's.
        on_step: called after each step with how many are done, and its loss.

    Returns:
        The network, in evaluation mode, on the CPU.

    Raises:
        TrainingError: the loss is not a number.
        CheckpointError: the keeper's state is damaged, or of another training.
    """
    where = device or torch.device("cpu")
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        made = Reasoner(
            network,
            view=view,
            lengths=language.lengths,
            words=len(language.vocabulary.words),
            answers=len(language.answers),
            slot_dim=evidence.slots.shape[-1],
        )
        made.standardise(evidence.slots, evidence.kept)
        made, evidence = made.to(where).train(), evidence.to(where)
        optimizer = torch.optim.AdamW(made.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        done = keeper.load(made, optimizer) if keeper is not None else 0
        half = arithmetic(config.precision, where) == torch.bfloat16
        for step, rows in enumerate(_batches(len(asked), config)):
            if step < done:
                continue
            _prepare(optimizer, config, step)
            with torch.autocast(where.type, torch.bfloat16, enabled=half):
                told = answered(made, evidence, asked, rows)
            loss = _loss(told, asked, rows, choice=config.choice_weight)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            value = float(loss.detach())
            if value != value:
                raise TrainingError("the loss is not a number; lower fit.lr")
            if keeper is not None and (step + 1) % keeper.every == 0:
                keeper.save(made, optimizer, step=step + 1)
            on_step(step + 1, value)
    return made.cpu().eval()


def _prepare(optimizer: torch.optim.Optimizer, config: FitConfig, step: int) -> None:
    """Rate, gradients and random numbers of a step: all functions of seed and step."""
    for group in optimizer.param_groups:
        group["lr"] = config.lr * config.share(step)
    optimizer.zero_grad()
    torch.manual_seed(config.seed * config.steps + step)


def answered(
    network: Reasoner,
    evidence: Evidence,
    asked: Decisions,
    rows: Int64[Tensor, " b"],
    *,
    attention: bool = False,
) -> Told:
    """What a network says to some decisions; foretold frames are shown to predictive questions alone."""
    where = network.cls.device
    clips = asked.clip[rows].to(evidence.kept.device)
    kept = evidence.kept[clips]
    if evidence.ahead:
        kept = kept.clone()
        kept[(asked.type[rows] != PREDICTIVE).to(kept.device), -evidence.ahead :] = False
    told: Told = network(
        evidence.slots[clips].to(where),
        kept.to(where),
        _trimmed(asked.question[rows]).to(where),
        _trimmed(asked.choice[rows]).to(where),
        attention=attention,
    )
    return told


def _trimmed(words: Int64[Tensor, "b l"]) -> Int64[Tensor, "b k"]:
    """Without the columns that are empty in all rows: those are not seen, and would only cost."""
    return words[:, : int((words != PADDING).sum(dim=1).max())]


def _loss(told: Told, asked: Decisions, rows: Int64[Tensor, " b"], *, choice: float) -> Float[Tensor, ""]:
    """Mean over answers, and mean over choices; an answer that no column has teaches nothing."""
    truth, words = asked.answer[rows].to(told.right.device), asked.descriptive[rows].to(told.right.device)
    known = words & (truth != UNKNOWN)
    total = torch.zeros((), device=truth.device)
    if bool(known.any()):
        total = total + F.cross_entropy(told.answers[known].float(), truth[known])
    if not bool(words.all()):
        right = told.right[~words].float()
        total = total + choice * F.binary_cross_entropy_with_logits(right, truth[~words].float())
    return total


def _batches(count: int, config: FitConfig) -> Iterator[Int64[Tensor, " b"]]:
    """As `dias.training.fitting.batches`, drawn as they are needed and from a source of their own.

    All at once would be half a gigabyte at the published length, and a training that goes on must not depend
    on what else was drawn.
    """
    generator = torch.Generator().manual_seed(config.seed)
    rest = torch.zeros(0, dtype=torch.int64)
    for _ in range(config.steps):
        while len(rest) < config.batch:
            rest = torch.cat([rest, torch.randperm(count, generator=generator)])
        yield rest[: config.batch]
        rest = rest[config.batch :]
