"""A pre-norm Transformer decoder without biases, with the attention map of a layer where it is wanted."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn


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
    ) -> Float[Tensor, "b m c"]:
        """Attend from `x` to `memory`; memory that is not kept is not seen."""
        queries, keys, values = self._heads(x, memory)
        mask = None if kept is None else kept[:, None, None, :]
        mixed = _mix(queries, keys, values, mask)
        return self._out(mixed)

    def with_map(
        self, x: Float[Tensor, "b m c"], memory: Float[Tensor, "b k c"], *, kept: Bool[Tensor, "b k"]
    ) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b k m"]]:
        """The same, and how `x` shares its attention over memory, averaged over heads (sums to 1 over k)."""
        queries, keys, values = self._heads(x, memory)
        scores = (queries @ keys.mT).float() * queries.shape[-1] ** -0.5
        attention = scores.masked_fill(~kept[:, None, None, :], -torch.inf).softmax(dim=-1)
        mixed = attention.to(values.dtype) @ values
        return self._out(mixed), attention.mean(dim=1).mT

    def _out(self, mixed: Float[Tensor, "b h m d"]) -> Tensor:
        joined: Tensor = self.out(rearrange(mixed, "b h m d -> b m (h d)"))
        return joined

    def _heads(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries = rearrange(self.to_queries(x), "b m (h d) -> b h m d", h=self.heads)
        keys, values = rearrange(
            self.to_keys_values(memory), "b k (two h d) -> two b h k d", two=2, h=self.heads
        ).unbind(0)
        return queries, keys, values


def _mix(
    queries: Float[Tensor, "b h m d"],
    keys: Float[Tensor, "b h k d"],
    values: Float[Tensor, "b h k d"],
    mask: Bool[Tensor, "b 1 1 k"] | None,
) -> Float[Tensor, "b h m d"]:
    """Attention in whichever form is faster.

    That is the fused kernel on a GPU; on a CPU plain products, which go back twice as fast at a few hundred
    tokens (benchmarks/training_step.py shows both).
    """
    if queries.device.type != "cpu":
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    mixed: Tensor = scores.softmax(dim=-1) @ values
    return mixed


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention to slots, feed-forward; each behind its norm.

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
        self, x: Float[Tensor, "b m c"], memory: Float[Tensor, "b k c"], kept: Bool[Tensor, "b k"] | None
    ) -> Float[Tensor, "b m c"]:
        """One layer."""
        x = self._attend_to_self(x)
        x = x + self.cross_attention(self.norm_cross(x), memory, kept=kept)
        return self._feed_forward(x)

    def with_map(
        self, x: Float[Tensor, "b m c"], memory: Float[Tensor, "b k c"], kept: Bool[Tensor, "b k"]
    ) -> tuple[Float[Tensor, "b m c"], Float[Tensor, "b k m"]]:
        """One layer, and its cross-attention averaged over heads."""
        x = self._attend_to_self(x)
        update, attention = self.cross_attention.with_map(self.norm_cross(x), memory, kept=kept)
        x = x + update
        return self._feed_forward(x), attention

    def _attend_to_self(self, x: Tensor) -> Tensor:
        normed = self.norm_self(x)
        summed: Tensor = x + self.self_attention(normed, normed)
        return summed

    def _feed_forward(self, x: Tensor) -> Tensor:
        summed: Tensor = x + self.mlp(self.norm_mlp(x))
        return summed
