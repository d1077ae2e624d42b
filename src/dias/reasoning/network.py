"""The network: one Transformer over slots and words that answers a question, or judges a choice.

Aloe (arXiv 2012.08508) as SlotFormer (arXiv 2210.05861, appendix) uses it: pre-norm, a token CLS, what kind
of token each is, learned positions of words and of frames. Slots of a frame have no order.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as settings
from torch import Tensor, nn

from dias.config import STRICT, Fraction
from dias.errors import SettingError
from dias.nn.transformer import EncoderLayer
from dias.reasoning.evidence import View
from dias.reasoning.questions import Lengths
from dias.reasoning.vocabulary import PADDING

_SLOT, _QUESTION, _CHOICE = range(3)
_SPREAD = 0.02  # standard deviation of first positions and kinds


@settings(frozen=True, kw_only=True, config=STRICT)
class NetworkConfig:
    """Size of the network.

    Attributes:
        layers: of the Transformer.
        heads: of its attention; a head has width / heads channels.
        width: of a token.
        hidden: channels within a feed-forward part.
        answer_hidden: of the MLP that answers from CLS.
        dropout: behind attention and feed-forward parts.
        sees: False leaves the slots out: what can be told from words alone.
    """

    layers: PositiveInt = 12
    heads: PositiveInt = 8
    width: PositiveInt = 128
    hidden: PositiveInt = 512
    answer_hidden: PositiveInt = 128
    dropout: Fraction = 0.1
    sees: bool = True

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise SettingError("network.heads", self.heads, f"must divide the width {self.width}")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a network says.

    Attributes:
        answers: logits of the answers; of use for descriptive questions.
        right: logit that the choice is right; of use where there is one.
        attention: how CLS shares its attention over slots, averaged over heads and layers; what words and CLS
            itself get is missing to 1. None if it was not asked for.
    """

    answers: Float[Tensor, "b a"]
    right: Float[Tensor, " b"]
    attention: Float[Tensor, "b t n"] | None = None


class Reasoner(nn.Module):
    """Answers questions about clips from their slots.

    Args:
        config: its size.
        view: frames that it sees.
        lengths: words that it reads.
        words: in the vocabulary.
        answers: to choose from.
        slot_dim: numbers a slot has.
    """

    slot_mean: Float[Tensor, " d"]
    slot_scale: Float[Tensor, " d"]

    def __init__(
        self, config: NetworkConfig, *, view: View, lengths: Lengths, words: int, answers: int, slot_dim: int
    ) -> None:
        super().__init__()
        self.config, self.view = config, view
        width = config.width
        self.register_buffer("slot_mean", torch.zeros(slot_dim))
        self.register_buffer("slot_scale", torch.ones(slot_dim))
        self.of_slots = nn.Linear(slot_dim, width)
        self.of_words = nn.Embedding(1 + words, width, padding_idx=PADDING)
        self.kinds = nn.Parameter(_SPREAD * torch.randn(3, width))
        self.times = nn.Parameter(_SPREAD * torch.randn(view.times, width))
        self.question_places = nn.Parameter(_SPREAD * torch.randn(lengths.question, width))
        self.choice_places = nn.Parameter(_SPREAD * torch.randn(lengths.choice, width))
        self.cls = nn.Parameter(_SPREAD * torch.randn(1, width))
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads=config.heads, hidden=config.hidden, dropout=config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.to_answers = _answering(width, config.answer_hidden, answers)
        self.to_right = _answering(width, config.answer_hidden, 1)

    def standardise(self, slots: Float[Tensor, "v t n d"], kept: Bool[Tensor, "v t n"]) -> None:
        """From now on, take the mean off slots and divide them by their deviation, number by number."""
        known = slots[kept].double()
        if len(known) > 1:
            self.slot_mean.copy_(known.mean(dim=0))
            self.slot_scale.copy_(known.std(dim=0).clamp(min=1e-6))

    def forward(
        self,
        slots: Float[Tensor, "b t n d"],
        kept: Bool[Tensor, "b t n"],
        question: Int64[Tensor, "b l"],
        choice: Int64[Tensor, "b c"],
        *,
        attention: bool = False,
    ) -> Told:
        """Answer.

        Args:
            slots: of each question's clip.
            kept: those that are not are not seen.
            question: numbers of its words; shorter rows than the model reads may be given.
            choice: likewise; zeros where there is none.
            attention: also tell where CLS looked.
        """
        tokens, there = self._tokens(slots, kept, question, choice)
        maps = []
        for layer in self.layers:
            assert isinstance(layer, EncoderLayer)
            if attention:
                tokens, map = layer.with_map(tokens, there)
                maps.append(map[:, :, 0])  # CLS's
            else:
                tokens = layer(tokens, there)
        answer = self.norm(tokens[:, 0])
        looked = _of_slots(maps, kept) if attention and self.config.sees else None
        return Told(answers=self.to_answers(answer), right=self.to_right(answer)[:, 0], attention=looked)

    def _tokens(
        self,
        slots: Float[Tensor, "b t n d"],
        kept: Bool[Tensor, "b t n"],
        question: Int64[Tensor, "b l"],
        choice: Int64[Tensor, "b c"],
    ) -> tuple[Float[Tensor, "b m w"], Bool[Tensor, "b m"]]:
        """CLS, words of the question, words of the choice, slots; and which of them are there."""
        asked = self.of_words(question) + self.question_places[: question.shape[1]] + self.kinds[_QUESTION]
        said = self.of_words(choice) + self.choice_places[: choice.shape[1]] + self.kinds[_CHOICE]
        parts = [self.cls.expand(len(slots), 1, -1), asked, said]
        there = [kept.new_ones(len(slots), 1), question != PADDING, choice != PADDING]
        if self.config.sees:
            seen = self.of_slots((slots - self.slot_mean) / self.slot_scale) + self.kinds[_SLOT]
            seen = seen + self.times[: slots.shape[1], None]
            parts.append(rearrange(seen, "b t n w -> b (t n) w"))
            there.append(rearrange(kept, "b t n -> b (t n)"))
        return torch.cat(parts, dim=1), torch.cat(there, dim=1)


def _answering(width: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def _of_slots(maps: list[Float[Tensor, "b m"]], kept: Bool[Tensor, "b t n"]) -> Float[Tensor, "b t n"]:
    """Slots are the last tokens."""
    count = kept.shape[1] * kept.shape[2]
    return torch.stack(maps).mean(dim=0)[:, -count:].reshape(kept.shape)
