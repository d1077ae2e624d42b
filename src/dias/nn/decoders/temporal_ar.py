"""Random auto-regressive decoding through time: what a thing is, from one frame; where it is, from another.

The idea is that of the Markov decoder in Genera1Z/xSSC; written from a description of it (docs/video.md).
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import SettingError
from dias.nn.chance import Chance, uniform
from dias.nn.decoders.masked import MaskedDecoder, draw_known
from dias.nn.decoders.output import Decoded, Target, squared_error
from dias.nn.transformer import inner_width


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TemporalARConfig:
    """Settings of the decoder.

    Attributes:
        layers: Transformer layers.
        heads: attention heads; must divide the width.
        width: channels inside; None means as many as a token has.
        known_share: as of `random_ar`.
        dynamic: share of the channels, the last ones, that are of the frame that is explained; the others
            are of the frame itself.
        reach: frames that the frame that is explained may lie before it.
    """

    kind: Literal["temporal_ar"] = "temporal_ar"
    layers: PositiveInt = 4
    heads: PositiveInt = 4
    width: PositiveInt | None = None
    known_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    dynamic: Annotated[float, Field(gt=0, lt=1)] = 0.25
    reach: PositiveInt = 1

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "TemporalARDecoder":
        """Make the module for `positions` tokens of `token_dim` channels; it does not ask for their codes.

        Raises:
            SettingError: the heads do not divide the width; or one kind of channels would get none.
        """
        width = inner_width(self.width, token_dim=token_dim, heads=self.heads)
        if not all(0 < round(self.dynamic * dim) < dim for dim in (slot_dim, width)):
            raise SettingError(
                "model.decoder.dynamic",
                self.dynamic,
                f"leaves one kind of channels none of a slot's {slot_dim} or of the decoder's {width}",
            )
        return TemporalARDecoder(self, slot_dim=slot_dim, token_dim=token_dim, positions=positions)


class TemporalARDecoder(MaskedDecoder):
    """The decoder of the random order, which in training explains a frame out of two.

    For each frame t of a clip another, u, is drawn from t - `reach` to t. Slots and (known or masked) tokens
    are put together: their first channels are of t, their last ones of u; an embedding of t - u stands before
    both. The frame that has to be explained is u, and so is what is returned in t's place. So the first
    channels can only hold what is the same in both, the others have to hold what changed. Known places are
    the same in both frames. A slot that is not kept in both is not seen; where none is, u is t.

    In evaluation u is t: a frame is explained by itself, whatever came before.
    """

    def __init__(self, config: TemporalARConfig, *, slot_dim: int, token_dim: int, positions: int) -> None:
        super().__init__(
            slot_dim=slot_dim,
            token_dim=token_dim,
            positions=positions,
            layers=config.layers,
            heads=config.heads,
            width=config.width,
        )
        self.config = config
        self.ago = nn.Embedding(config.reach + 1, self.width)
        self.out = nn.Identity() if self.width == token_dim else nn.Linear(self.width, token_dim)

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
    ) -> Decoded:
        """Predict `target`, in training that of the frames that were drawn; in evaluation with the map."""
        truth = target.tokens
        if not self.training:
            ago = torch.zeros(len(slots), dtype=torch.int64, device=slots.device)
            return self._explained(slots, kept, self.token_in(truth), ago, truth, with_map=True)
        known = draw_known(
            *truth.shape[:2], share=self.config.known_share, device=truth.device, generator=generator
        )
        ago = self.draw_ago(kept, frames=target.frames, generator=generator)
        other = torch.arange(len(slots), device=slots.device) - ago
        tokens = self.token_in(truth)
        tokens, shown = self.masked(tokens, known), self.masked(tokens[other], known)
        return self._explained(
            self._joined(slots, slots[other]),
            kept & kept[other],
            self._joined(tokens, shown),
            ago,
            truth[other],
            with_map=False,
        )

    def draw_ago(
        self, kept: Bool[Tensor, "bt n"], *, frames: int, generator: Chance = None
    ) -> Int64[Tensor, " bt"]:
        """How many frames before each frame the one lies that is explained: never before the clip.

        Args:
            kept: slots, of all frames of the first clip, of the second, and so on.
            frames: of each clip.
            generator: source of the numbers.
        """
        rows = len(kept)
        at = torch.arange(rows, device=kept.device) % frames
        choices = at.clamp(max=self.config.reach) + 1
        chance = uniform(rows, chance=generator, device=kept.device).to(kept.device)
        ago = (chance * choices).long().clamp(max=self.config.reach)  # float32 may round up to the whole
        ago = torch.minimum(ago, choices - 1)
        other = torch.arange(rows, device=kept.device) - ago
        return ago * (kept & kept[other]).any(dim=1)

    def _joined(self, own: Float[Tensor, "b k c"], other: Float[Tensor, "b k c"]) -> Float[Tensor, "b k c"]:
        """First channels of one, last channels of the other."""
        static = own.shape[-1] - round(self.config.dynamic * own.shape[-1])
        return torch.cat([own[..., :static], other[..., static:]], dim=-1)

    def _explained(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        tokens: Float[Tensor, "b m w"],
        ago: Int64[Tensor, " b"],
        truth: Float[Tensor, "b m c"],
        *,
        with_map: bool,
    ) -> Decoded:
        time = self.ago(ago)[:, None].to(tokens.dtype)
        x = self.norm_in(torch.cat([time, tokens + self.positions], dim=1))
        memory = torch.cat([time, self.slot_in(slots)], dim=1)
        seen = torch.cat([torch.ones_like(kept[:, :1]), kept], dim=1)
        x, attention = self.through(x, memory, seen, with_map=with_map)
        if attention is not None:
            shares = attention[:, 1:, 1:]  # without the time, as key and as query
            attention = shares / shares.sum(dim=1, keepdim=True).clamp(min=torch.finfo(shares.dtype).tiny)
        found = self.out(x[:, 1:])
        return Decoded(reconstruction=found, attention=attention, error=squared_error(found, truth))
