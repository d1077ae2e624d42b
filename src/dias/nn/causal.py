"""A Transformer that predicts each token of a sequence from the slots and from the tokens before it."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from dias.nn.transformer import DecoderLayer, KeysValues


class CausalTransformer(nn.Module):
    """What DINOSAUR's, SPOT's and SLATE's decoders have in common.

    The sequence is shifted by one, a learned first token taking the free place; tokens and slots pass a
    linear layer and a norm each; pre-norm layers follow, self-attention under a causal mask.

    Args:
        slot_dim: width of a slot.
        token_dim: channels of a token.
        width: channels inside.
        layers: how many.
        heads: of each attention.
        begins: first tokens to choose from: one for each order that sequences are read in.
        positions: tokens of a sequence, if each carries the learned embedding of the place that it predicts;
            None: tokens carry their place already, as a ViT's do.
        norm_out: a norm behind the last layer.
    """

    def __init__(
        self,
        *,
        slot_dim: int,
        token_dim: int,
        width: int,
        layers: int,
        heads: int,
        begins: int = 1,
        positions: int | None = None,
        norm_out: bool = False,
    ) -> None:
        super().__init__()
        self.begin = nn.Parameter(torch.randn(begins, token_dim) * 0.02)
        self.token_in = nn.Sequential(nn.Linear(token_dim, width, bias=False), nn.LayerNorm(width))
        self.slot_in = nn.Sequential(nn.Linear(slot_dim, width, bias=False), nn.LayerNorm(width))
        place = None if positions is None else nn.init.trunc_normal_(torch.empty(positions, width))
        self.places = None if place is None else nn.Parameter(place)
        self.layers = nn.ModuleList(DecoderLayer(width, heads=heads, hidden=4 * width) for _ in range(layers))
        self.norm_out = nn.LayerNorm(width) if norm_out else nn.Identity()

    def forward(
        self,
        tokens: Float[Tensor, "b m c"],
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        order: Int64[Tensor, " m"] | None = None,
        begin: int | Int64[Tensor, ""] = 0,
        with_map: bool = False,
    ) -> tuple[Float[Tensor, "b m w"], Float[Tensor, "b n m"] | None]:
        """Predict every token from those before it; the last one is never looked at.

        Args:
            tokens: all of them, by place.
            slots: one vector an object.
            kept: slots that are not kept are not seen.
            order: the places, in the order in which they are read; None: as they are.
            begin: which of the first tokens.
            with_map: also return how each token shares its attention over slots in the last layer, the mean
                over heads (each head's sums to 1; so this is SPOT's sum over heads, normalised).

        Returns:
            Predictions and map, by place again.
        """
        sequence = tokens if order is None else tokens[:, order]
        first = self.begin[begin].to(tokens.dtype).expand(len(tokens), 1, -1)
        x = self.token_in(torch.cat([first, sequence[:, :-1]], dim=1))
        if self.places is not None:
            x = x + (self.places if order is None else self.places[order])
        x, attention = self._layers(x, self.slot_in(slots), kept, with_map=with_map)
        x = self.norm_out(x)
        if order is None:
            return x, attention
        back = order.argsort()
        return x[:, back], None if attention is None else attention[:, :, back]

    def _layers(
        self, x: Tensor, memory: Tensor, kept: Tensor, *, with_map: bool
    ) -> tuple[Tensor, Tensor | None]:
        *firsts, last = self.layers
        for layer in firsts:
            x = layer(x, memory, kept, causal=True)
        if not with_map:
            return last(x, memory, kept, causal=True), None
        assert isinstance(last, DecoderLayer)
        return last.with_map(x, memory, kept, causal=True)

    def generation(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> "Generation":
        """Predict a sequence token by token, none of which is known before (default order)."""
        return Generation(self, slots, kept)


class Generation:
    """A sequence in the making; keys and values of the tokens so far are kept, so a step costs one token."""

    def __init__(
        self, model: CausalTransformer, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]
    ) -> None:
        self.model, self.kept = model, kept
        memory = model.slot_in(slots)
        self._layers = [layer for layer in model.layers if isinstance(layer, DecoderLayer)]
        self._memory = [layer.cross_attention.keys_values(memory) for layer in self._layers]
        self._before: list[KeysValues | None] = [None] * len(self._layers)
        self._place = 0

    def next(self, token: Float[Tensor, "b c"] | None) -> Float[Tensor, "b w"]:
        """The prediction after `token`, the one that was predicted last (None: the first of all)."""
        model = self.model
        token = model.begin[:1].expand(len(self.kept), -1) if token is None else token
        x = model.token_in(token[:, None])
        if model.places is not None:
            x = x + model.places[self._place]
        for index, layer in enumerate(self._layers):
            x, self._before[index] = layer.next(x, self._before[index], self._memory[index], self.kept)
        self._place += 1
        predicted: Tensor = model.norm_out(x)[:, 0]
        return predicted
