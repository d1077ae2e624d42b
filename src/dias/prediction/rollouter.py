"""What comes next, in slots: a Transformer over the last frames' slots, frame after frame.

SlotFormer (Wu et al. 2023, arXiv 2210.05861, section 3.2).
"""

import math

import torch
from jaxtyping import Bool, Float
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT, Fraction
from dias.errors import DiasError, SettingError
from dias.nn.transformer import EncoderLayer


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RollouterConfig:
    """Settings of a rollouter. The paper's, for CLEVRER: width 256, 4 layers, 8 heads, hidden 1024.

    Attributes:
        burn_in: frames that it looks at: the last ones, seen or predicted.
        width: channels inside.
        layers: of the Transformer.
        heads: attention heads; must divide the width.
        hidden: channels of the feed-forward parts.
        dropout: in training, of what each layer adds.
        residual: what is predicted is added to the last slots (the paper); else it is the slots.
    """

    burn_in: PositiveInt = 6
    width: PositiveInt = 128
    layers: PositiveInt = 2
    heads: PositiveInt = 4
    hidden: PositiveInt = 512
    dropout: Fraction = 0.0
    residual: bool = True

    def build(self, *, slot_dim: int) -> "Rollouter":
        """Make the module for slots of `slot_dim` numbers.

        Raises:
            SettingError: the heads do not divide the width; or the width is odd, and a sine has no cosine.
        """
        if self.width % self.heads:
            raise SettingError("heads", self.heads, f"must divide the width, {self.width}")
        if self.width % 2:
            raise SettingError("width", self.width, "must be even")
        return Rollouter(self, slot_dim=slot_dim)


class Rollouter(nn.Module):
    """All slots of the last `burn_in` frames attend to each other; the last frame's become the next one's.

    Frames have a sine position, slots have none: with slots in another order it predicts the same in that
    order. Slots that are not kept are not looked at. Inside, slots are standardised by `centre` and `spread`,
    which training sets; so that a residual rollouter begins as "what is, stays", its last layer starts at 0.
    """

    def __init__(self, config: RollouterConfig, *, slot_dim: int) -> None:
        super().__init__()
        self.config, self.slot_dim = config, slot_dim
        self.centre: Float[Tensor, " d"]
        self.spread: Float[Tensor, " d"]
        self.times: Float[Tensor, "t w"]
        self.register_buffer("centre", torch.zeros(slot_dim))
        self.register_buffer("spread", torch.ones(slot_dim))
        self.register_buffer("times", sines(config.burn_in, config.width), persistent=False)
        self.slot_in = nn.Linear(slot_dim, config.width)
        self.layers = nn.ModuleList(
            EncoderLayer(config.width, heads=config.heads, hidden=config.hidden, dropout=config.dropout)
            for _ in range(config.layers)
        )
        self.norm_out = nn.LayerNorm(config.width)
        self.slot_out = nn.Linear(config.width, slot_dim)
        if config.residual:
            nn.init.zeros_(self.slot_out.weight)
            nn.init.zeros_(self.slot_out.bias)

    def forward(
        self, slots: Float[Tensor, "batch time slots dim"], kept: Bool[Tensor, "batch time slots"]
    ) -> Float[Tensor, "batch slots dim"]:
        """Slots of the frame after a window of `burn_in` frames; where the last `kept` is False, zeros."""
        time, number = slots.shape[1:3]
        standard = ((slots - self.centre) / self.spread).masked_fill(~kept[..., None], 0.0)
        x = (self.slot_in(standard) + self.times[:time, None]).flatten(1, 2)
        seen = kept.flatten(1, 2)
        seen = seen | ~seen.any(dim=1, keepdim=True)  # without anything to see, a softmax would be NaN
        for layer in self.layers[:-1]:
            x = layer(x, seen)
        last = self.layers[-1](x, seen, asking=number)  # nobody asks what became of the frames before
        found: Tensor = self.slot_out(self.norm_out(last)) * self.spread
        found = found + (slots[:, -1] if self.config.residual else self.centre)
        return found.masked_fill(~kept[:, -1, :, None], 0.0)

    def rollout(
        self,
        slots: Float[Tensor, "batch time slots dim"],
        kept: Bool[Tensor, "batch time slots"] | None = None,
        *,
        steps: int,
    ) -> Float[Tensor, "batch steps slots dim"]:
        """Predict frame after frame, each from the `burn_in` before it, predicted ones among them.

        Args:
            slots: of the frames so far; the last `burn_in` of them are looked at.
            kept: which are there; all if None. Those of the last frame are there in all that is predicted.
            steps: frames to predict.

        Returns:
            Slots at the places that they have in the last frame; zeros where it keeps none.

        Raises:
            DiasError: there are fewer frames than `burn_in`, no step is asked for, or slots have another
                width.
        """
        window = self.config.burn_in
        if slots.shape[1] < window:
            raise DiasError(f"prediction: {slots.shape[1]} frames, fewer than the burn-in of {window}")
        if slots.shape[3] != self.slot_dim:
            raise DiasError(f"prediction: slots of {slots.shape[3]}, the predictor knows {self.slot_dim}")
        if steps < 1:
            raise DiasError(f"prediction: {steps} steps; ask for at least one")
        kept = torch.ones(slots.shape[:3], dtype=torch.bool, device=slots.device) if kept is None else kept
        past, there = slots[:, -window:], kept[:, -window:]
        last, found = there[:, -1:], []
        for _ in range(steps):
            found.append(self(past, there))
            past = torch.cat([past[:, 1:], found[-1][:, None]], dim=1)
            there = torch.cat([there[:, 1:], last], dim=1)
        return torch.stack(found, dim=1)


def sines(times: int, width: int) -> Float[Tensor, "t w"]:
    """Position of each time: sines in the even channels, cosines in the odd ones (Vaswani et al. 2017)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(times)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
