"""Autoregressive decoding of features: DINOSAUR's Transformer decoder; SPOT's, which permutes patches.

Seitzer et al. 2023, appendix; Kakogeorgiou et al. 2024, "Patch-order permutation".
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import SettingError
from dias.nn.causal import CausalTransformer
from dias.nn.chance import Chance, common
from dias.nn.decoders.decoder import DecoderPart
from dias.nn.decoders.orders import nine_orders, raster
from dias.nn.decoders.output import Decoded, Target, squared_error
from dias.nn.transformer import inner_width


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PermutedARConfig:
    """Settings of the autoregressive decoder of features.

    Attributes:
        layers: Transformer layers.
        heads: attention heads; must divide the width.
        width: channels inside; None means as many as a token has.
        orders: 1 reads the tokens row by row (DINOSAUR); 9 in any of SPOT's orders, one a batch in training.
        evaluation: what is used of them in evaluation: the default order; the mean over all (SPOT's
            published numbers); or a random one a batch (SPOT's teacher, while its student is trained).
        position_embedding: tokens carry a learned embedding of the place that they predict. Neither
            publication has one: a ViT's tokens know their place.
        norm_out: a norm behind the last layer, as SPOT has.
        grid: rows and columns of the tokens; None means a square.
    """

    kind: Literal["permuted_ar"] = "permuted_ar"
    layers: PositiveInt = 4
    heads: PositiveInt = 4
    width: PositiveInt | None = None
    orders: Literal[1, 9] = 9
    evaluation: Literal["default", "all", "random"] = "all"
    position_embedding: bool = False
    norm_out: bool = False
    grid: tuple[PositiveInt, PositiveInt] | None = None

    def build(
        self, *, slot_dim: int, token_dim: int, positions: int, codes: int | None = None
    ) -> "PermutedARDecoder":
        """Make the module for `positions` tokens of `token_dim` channels.

        Raises:
            SettingError: the heads do not divide the width, or the grid has not `positions` places.
        """
        inner_width(self.width, token_dim=token_dim, heads=self.heads)
        side = math.isqrt(positions)
        rows, columns = self.grid or (side, side)
        if rows * columns != positions:
            problem = f"is no grid of model.positions, {positions}: give its rows and columns"
            raise SettingError("model.decoder.grid", self.grid, problem)
        orders = nine_orders(rows, columns) if self.orders == 9 else raster(rows, columns)
        return PermutedARDecoder(self, slot_dim=slot_dim, token_dim=token_dim, orders=orders)


class PermutedARDecoder(DecoderPart):
    """Predicts each token from the slots and from the true tokens that are read before it."""

    def __init__(
        self, config: PermutedARConfig, *, slot_dim: int, token_dim: int, orders: Int64[Tensor, "k m"]
    ) -> None:
        super().__init__()
        self.config = config
        self.same_in_training = len(orders) == 1
        width = inner_width(config.width, token_dim=token_dim, heads=config.heads)
        self.transformer = CausalTransformer(
            slot_dim=slot_dim,
            token_dim=token_dim,
            width=width,
            layers=config.layers,
            heads=config.heads,
            begins=len(orders),
            positions=orders.shape[1] if config.position_embedding else None,
            norm_out=config.norm_out,
        )
        self.out = nn.Identity() if width == token_dim else nn.Linear(width, token_dim)
        self.orders: Int64[Tensor, "k m"]
        self.register_buffer("orders", orders, persistent=False)  # follows from the settings

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        target: Target,
        *,
        generator: Chance = None,
    ) -> Decoded:
        """Predict the tokens: in training in one random order, the same for the whole batch.

        In evaluation in the default order, or the mean of the predictions, and of the maps, over all orders;
        or, where that is asked, in a random order too, with its map.
        """
        if self.training or self.config.evaluation == "random":
            which = common(len(self.orders), chance=generator, device=slots.device).to(slots.device)
            out, attention = self._in_order(which, slots, kept, target, with_map=not self.training)
            return Decoded(reconstruction=out, attention=attention, error=squared_error(out, target.tokens))
        count = len(self.orders) if self.config.evaluation == "all" else 1
        each = [self._in_order(index, slots, kept, target, with_map=True) for index in range(count)]
        out = torch.stack([prediction for prediction, _ in each]).mean(dim=0)
        attention = torch.stack([shared for _, shared in each if shared is not None]).mean(dim=0)
        return Decoded(reconstruction=out, attention=attention, error=squared_error(out, target.tokens))

    def _in_order(
        self, which: int | Tensor, slots: Tensor, kept: Tensor, target: Target, *, with_map: bool
    ) -> tuple[Tensor, Tensor | None]:
        x, attention = self.transformer(
            target.tokens, slots, kept, order=self.orders[which], begin=which, with_map=with_map
        )
        return self.out(x), attention
