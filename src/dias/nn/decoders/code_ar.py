"""Autoregressive decoding of discrete codes (SLATE, Singh et al. 2022; VVO-Tfd, Zhao et al. 2025)."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import DiasError, SettingError
from dias.nn.causal import CausalTransformer
from dias.nn.chance import Chance
from dias.nn.decoders.decoder import DecoderPart
from dias.nn.decoders.from_slots import Codebook
from dias.nn.decoders.output import Decoded, Target
from dias.nn.transformer import inner_width


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CodeARConfig:
    """Settings of the autoregressive decoder of codes.

    Attributes:
        layers: Transformer layers.
        heads: attention heads; must divide the width.
        width: channels inside; None means as many as a code's embedding has.
    """

    kind: Literal["code_ar"] = "code_ar"
    layers: PositiveInt = 4
    heads: PositiveInt = 4
    width: PositiveInt | None = None

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "CodeARDecoder":
        """Make the module for `positions` codes out of `codes`, whose embeddings have `token_dim` channels.

        Raises:
            SettingError: there are no codes, or the heads do not divide the width.
        """
        if codes is None:
            problem = "predicts codes: set model.tokenizer, and model.target to codes"
            raise SettingError("model.decoder.kind", self.kind, problem)
        inner_width(self.width, token_dim=token_dim, heads=self.heads)
        return CodeARDecoder(self, slot_dim=slot_dim, token_dim=token_dim, positions=positions, codes=codes)


class CodeARDecoder(DecoderPart):
    """Predicts each code from the slots and from the embeddings of the codes before it, row by row."""

    gives_map = False

    def __init__(
        self, config: CodeARConfig, *, slot_dim: int, token_dim: int, positions: int, codes: int
    ) -> None:
        super().__init__()
        self.config = config
        self.positions = positions
        width = inner_width(config.width, token_dim=token_dim, heads=config.heads)
        self.transformer = CausalTransformer(
            slot_dim=slot_dim,
            token_dim=token_dim,
            width=width,
            layers=config.layers,
            heads=config.heads,
            positions=positions,
        )
        self.out = nn.Linear(width, codes, bias=False)

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
    ) -> Decoded:
        """Logits over the codes of every position, from the true codes before it; nothing is random.

        The error is the cross-entropy, in nats, mean over positions. No map is given: SLATE's and VVO's masks
        are the aggregation's.

        Raises:
            DiasError: the target has no codes.
        """
        if target.codes is None:
            raise DiasError("code_ar predicts codes, and the target has none: set model.target to codes")
        x, _ = self.transformer(target.tokens, slots, kept, with_map=False)
        logits = self.out(x)
        nats = F.cross_entropy(logits.float().mT, target.codes, reduction="none")  # b m
        return Decoded(reconstruction=logits, attention=None, error=nats.mean(dim=1))

    @torch.no_grad()
    def generate(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        embed: Callable[[Int64[Tensor, "b k"]], Float[Tensor, "b k c"]],
    ) -> Int64[Tensor, "b m"]:
        """Codes from the slots alone: at every position the most probable one after those chosen before.

        Args:
            slots: one vector an object.
            kept: slots that are not kept are not seen.
            embed: the tokenizer's embeddings of codes.
        """
        generation = self.transformer.generation(slots, kept)
        chosen: list[Tensor] = []
        token = None
        for _ in range(self.positions):
            code = self.out(generation.next(token)).argmax(dim=-1, keepdim=True)
            chosen.append(code)
            token = embed(code)[:, 0]
        return torch.cat(chosen, dim=1)

    def from_slots(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        codebook: Codebook | None = None,
        generator: Chance = None,
    ) -> Float[Tensor, "b m c"]:
        """Embeddings of generated codes (`DecodesSlots`); nothing is random.

        Raises:
            DiasError: no codebook is given.
        """
        if codebook is None:
            raise DiasError("code_ar makes codes of slots: give the codebook that they are numbers of")
        return codebook.embed(self.generate(slots, kept, codebook.embed))
