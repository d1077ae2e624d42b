"""Pre-norm Transformer layers, with the attention map of a layer where it is wanted."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dias.errors import SettingError

KeysValues = tuple[Float[Tensor, "b h _ d"], Float[Tensor, "b h _ d"]]  # of memory, or of a sequence


def inner_width(width: int | None, *, token_dim: int, heads: int) -> int:
    """Channels inside a decoder: `width`, or as many as a token has.

    Raises:
        SettingError: the heads do not divide them.
    """
    width = width or token_dim
    if width % heads:
        raise SettingError("model.decoder.heads", heads, f"must divide the decoder's width {width}")
    return width


class Attention(nn.Module):
    """Multi-head attention; its map over memory is given only where it is asked for."""

    def __init__(self, dim: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_queries = nn.Linear(dim, dim, bias=False)
        self.to_keys_values = nn.Linear(dim, 2 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(
        self,
        x: Float[Tensor, "b m c"],
        memory: Float[Tensor, "b k c"],
        *,
        kept: Bool[Tensor, "b k"] | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "b m c"]:
        """Attend from `x` to `memory`.

        Args:
            x: what asks.
            memory: what is asked.
            kept: memory that is not kept is not seen.
            causal: x and memory are one sequence, a token sees itself and those before it. Not with `kept`.
        """
        return self.attend(x, self.keys_values(memory), kept=kept, causal=causal)

    def attend(
        self,
        x: Float[Tensor, "b m c"],
        memory: KeysValues,
        *,
        kept: Bool[Tensor, "b k"] | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "b m c"]:
        """The same, over keys and values that are known already."""
        mask = None if kept is None else kept[:, None, None, :]
        return self._out(_mix(self._queries(x), *memory, mask, causal=causal))

    def keys_values(self, memory: Float[Tensor, "b k c"]) -> KeysValues:
        """What `attend` asks."""
        keys, values = rearrange(
            self.to_keys_values(memory), "b k (two h d) -> two b h k d", two=2, h=self.heads
        ).unbind(0)
        return keys, values

    def with_map(
        self, x: Float[Tensor, "b m c"], memory: Float[Tensor, "b k c"], *, kept: Bool[Tensor, "b k"]
    ) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b k m"]]:
        """The same, and how `x` shares its attention over memory, averaged over heads (sums to 1 over k)."""
        queries, (keys, values) = self._queries(x), self.keys_values(memory)
        scores = queries @ keys.mT
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32)) * queries.shape[-1] ** -0.5
        attention = scores.masked_fill(~kept[:, None, None, :], -torch.inf).softmax(dim=-1)
        mixed = attention.to(values.dtype) @ values
        return self._out(mixed), attention.mean(dim=1).mT

    def _out(self, mixed: Float[Tensor, "b h m d"]) -> Tensor:
        joined: Tensor = self.out(rearrange(mixed, "b h m d -> b m (h d)"))
        return joined

    def _queries(self, x: Tensor) -> Tensor:
        queries: Tensor = rearrange(self.to_queries(x), "b m (h d) -> b h m d", h=self.heads)
        return queries


def _mix(
    queries: Float[Tensor, "b h m d"],
    keys: Float[Tensor, "b h k d"],
    values: Float[Tensor, "b h k d"],
    mask: Bool[Tensor, "b 1 1 k"] | None,
    *,
    causal: bool,
) -> Float[Tensor, "b h m d"]:
    """Attention in whichever form is faster.

    That is the fused kernel on a GPU; on a CPU plain products, which go back twice as fast at a few hundred
    tokens (benchmarks/training_step.py shows both).
    """
    if queries.device.type != "cpu":
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal)
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    mixed: Tensor = scores.softmax(dim=-1) @ values
    return mixed


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each behind its norm; what they add is dropped out in training."""

    def __init__(self, dim: int, *, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads=heads)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "b m c"],
        kept: Bool[Tensor, "b k"],
        *,
        asking: int | None = None,
    ) -> Float[Tensor, "b q c"]:
        """One layer.

        Args:
            x: all tokens, which are looked at.
            kept: those that are not are not seen.
            asking: only so many of the last tokens look, and are given; all if None.
        """
        normed, own = self.norm_attention(x), slice(None if asking is None else -asking, None)
        looked = self.attention(normed[:, own], normed, kept=kept)
        return self._feed_forward(x[:, own] + self.dropout(looked))

    def with_map(
        self, x: Float[Tensor, "b m c"], kept: Bool[Tensor, "b m"]
    ) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b m m"]]:
        """One layer, and how tokens share their attention, averaged over heads; the first m sum to 1."""
        normed = self.norm_attention(x)
        looked, attention = self.attention.with_map(normed, normed, kept=kept)
        return self._feed_forward(x + self.dropout(looked)), attention

    def _feed_forward(self, x: Tensor) -> Tensor:
        summed: Tensor = x + self.dropout(self.mlp(self.norm_mlp(x)))
        return summed


class DecoderLayer(nn.Module):
    """Without biases: self-attention, cross-attention to slots, feed-forward; each behind its norm.

    Args:
        first_norm: False leaves out the norm before self-attention (it then stands before the whole stack,
            as in the authors' decoder).
    """

    def __init__(self, dim: int, *, heads: int, hidden: int, first_norm: bool = True) -> None:
        super().__init__()
        self.norm_self = nn.LayerNorm(dim, bias=False) if first_norm else nn.Identity()
        self.norm_cross = nn.LayerNorm(dim, bias=False)
        self.norm_mlp = nn.LayerNorm(dim, bias=False)
        self.self_attention = Attention(dim, heads=heads)
        self.cross_attention = Attention(dim, heads=heads)
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden, bias=False), nn.GELU(), nn.Linear(hidden, dim, bias=False)
        )

    def forward(
        self,
        x: Float[Tensor, "b m c"],
        memory: Float[Tensor, "b k c"],
        kept: Bool[Tensor, "b k"] | None,
        *,
        causal: bool = False,
    ) -> Float[Tensor, "b m c"]:
        """One layer; `causal`: a token sees no later one."""
        x = self._attend_to_self(x, causal=causal)
        x = x + self.cross_attention(self.norm_cross(x), memory, kept=kept)
        return self._feed_forward(x)

    def with_map(
        self,
        x: Float[Tensor, "b m c"],
        memory: Float[Tensor, "b k c"],
        kept: Bool[Tensor, "b k"],
        *,
        causal: bool = False,
    ) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b k m"]]:
        """One layer, and its cross-attention averaged over heads."""
        x = self._attend_to_self(x, causal=causal)
        update, attention = self.cross_attention.with_map(self.norm_cross(x), memory, kept=kept)
        x = x + update
        return self._feed_forward(x), attention

    def next(
        self,
        x: Float[Tensor, "b 1 c"],
        before: KeysValues | None,
        memory: KeysValues,
        kept: Bool[Tensor, "b k"],
    ) -> tuple[Float[Tensor, "b 1 c"], KeysValues]:
        """The causal layer for the next token alone.

        Args:
            x: the token.
            before: what `next` returned for the token before it; None for the first.
            memory: `cross_attention.keys_values` of the memory.
            kept: memory that is not kept is not seen.
        """
        normed = self.norm_self(x)
        keys, values = self.self_attention.keys_values(normed)
        if before is not None:
            keys, values = torch.cat([before[0], keys], dim=2), torch.cat([before[1], values], dim=2)
        x = x + self.self_attention.attend(normed, (keys, values))
        x = x + self.cross_attention.attend(self.norm_cross(x), memory, kept=kept)
        return self._feed_forward(x), (keys, values)

    def _attend_to_self(self, x: Tensor, *, causal: bool) -> Tensor:
        normed = self.norm_self(x)
        summed: Tensor = x + self.self_attention(normed, normed, causal=causal)
        return summed

    def _feed_forward(self, x: Tensor) -> Tensor:
        summed: Tensor = x + self.mlp(self.norm_mlp(x))
        return summed
