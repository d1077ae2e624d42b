"""Random auto-regressive decoding: any known tokens, in any order, predict all (DIAS; method, section 4)."""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance
from dias.nn.decoders.from_slots import Explained
from dias.nn.decoders.masked import MaskedDecoder, draw_known
from dias.nn.decoders.output import Decoded, Target, similarity_width, split_similarity, squared_error
from dias.nn.transformer import inner_width


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RandomARConfig:
    """Settings of the random-order decoder.

    Attributes:
        layers: Transformer layers.
        heads: attention heads; must divide the width.
        width: channels inside; None means as many as a token has.
        known_share: share of tokens known in the half of the samples that has a fixed number of them.
        random_order: False knows the first tokens of the raster scan instead of random ones.
        similarity: also predict which tokens of the next frame are like each token (VideoSAUR's loss, which
            RandSF.Q's code has for this decoder too).
    """

    kind: Literal["random_ar"] = "random_ar"
    layers: PositiveInt = 4
    heads: PositiveInt = 4
    width: PositiveInt | None = None
    known_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    random_order: bool = True
    similarity: bool = False

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "RandomARDecoder":
        """Make the module for `positions` tokens of `token_dim` channels; it does not ask for their codes."""
        inner_width(self.width, token_dim=token_dim, heads=self.heads)
        return RandomARDecoder(self, slot_dim=slot_dim, token_dim=token_dim, positions=positions)


class RandomARDecoder(MaskedDecoder):
    """Predicts all tokens from the slots and a random part of the tokens.

    The method shuffles tokens, keeps the content of the first k, masks the others, un-shuffles the result.
    Attention without a causal mask does not see the order of its inputs, and each token carries the position
    embedding of its original place; so masking in place gives the same numbers and moves nothing
    (tests/nn/test_random_ar.py holds this equality).
    """

    def __init__(self, config: RandomARConfig, *, slot_dim: int, token_dim: int, positions: int) -> None:
        super().__init__(
            slot_dim=slot_dim,
            token_dim=token_dim,
            positions=positions,
            layers=config.layers,
            heads=config.heads,
            width=config.width,
        )
        self.config = config
        self.token_dim = token_dim
        plain = self.width == token_dim and not config.similarity
        extra = similarity_width(config.similarity, positions)
        self.out = nn.Identity() if plain else nn.Linear(self.width, token_dim + extra)

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
    ) -> Decoded:
        """Predict `target`: in training from a random part of it, in evaluation (with the map) from all."""
        truth = target.tokens
        tokens = self.token_in(truth)
        if self.training:
            known = self.draw_known(*truth.shape[:2], device=truth.device, generator=generator)
            tokens = self.masked(tokens, known)
        x = self.norm_in(tokens + self.positions)
        x, attention = self.through(x, self.slot_in(slots), kept, with_map=not self.training)
        return self._decoded(x, truth, attention=attention)

    def alone(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Explained:
        """Predict with no token known (`ExplainsAlone`), as training does now and then (`draw_known`)."""
        x = self.norm_in(self.mask_token.to(slots.dtype) + self.positions).expand(len(slots), -1, -1)
        x, attention = self.through(x, self.slot_in(slots), kept, with_map=True)
        assert attention is not None
        return Explained(tokens=split_similarity(self.out(x), self.token_dim)[0], attention=attention)

    def _decoded(self, x: Tensor, truth: Tensor, *, attention: Tensor | None) -> Decoded:
        found, similarity = split_similarity(self.out(x), self.token_dim)
        error = squared_error(found, truth)
        return Decoded(reconstruction=found, attention=attention, error=error, similarity=similarity)

    def draw_known(
        self,
        batch: int,
        positions: int,
        *,
        device: torch.device,
        generator: Chance = None,
    ) -> Bool[Tensor, "b m"]:
        """Which tokens are given."""
        return draw_known(
            batch,
            positions,
            share=self.config.known_share,
            random_order=self.config.random_order,
            device=device,
            generator=generator,
        )
