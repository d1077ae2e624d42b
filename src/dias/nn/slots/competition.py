"""One iteration of Slot Attention: slots compete for tokens."""

import torch
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dias.nn.mlp import mlp, zero_biases

_EPSILON = 1e-5


class Competition(nn.Module):
    """Slot Attention's iteration in pre-norm form (Locatello et al. 2020, Algorithm 1; method, section 2).

    The softmax runs over slots, the weighted mean over tokens; the GRU's state is the slots as they are.
    """

    def __init__(self, *, slot_dim: int, token_dim: int) -> None:
        super().__init__()
        self.norm_slots = nn.LayerNorm(slot_dim)
        self.norm_tokens = nn.LayerNorm(token_dim)
        self.norm_update = nn.LayerNorm(slot_dim)
        self.query = nn.Linear(slot_dim, slot_dim, bias=False)
        self.key = nn.Linear(token_dim, slot_dim, bias=False)
        self.value = nn.Linear(token_dim, slot_dim, bias=False)
        self.gru = nn.GRUCell(slot_dim, slot_dim)
        self.mlp = mlp(slot_dim, hidden=4 * slot_dim)
        zero_biases(self)

    def keys_values(
        self, tokens: Float[Tensor, "b m c"], *, noise: Float[Tensor, "b m c"] | None = None
    ) -> tuple[Float[Tensor, "b m d"], Float[Tensor, "b m d"]]:
        """What all iterations share: keys and values of the tokens, with `noise` added behind their norm."""
        normed = self.norm_tokens(tokens)
        if noise is not None:
            normed = normed + noise.to(normed)
        return self.key(normed), self.value(normed)

    def forward(
        self,
        slots: Float[Tensor, "b n d"],
        keys: Float[Tensor, "b m d"],
        values: Float[Tensor, "b m d"],
        kept: Bool[Tensor, "b n"] | None = None,
        bias: Float[Tensor, "b n m"] | None = None,
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b n m"]]:
        """Update slots once; also return the attention logits: with `bias`; -inf where not kept."""
        queries = self.query(self.norm_slots(slots)) * slots.shape[-1] ** -0.5
        logits = einsum(queries, keys, "b n d, b m d -> b n m").float()
        if bias is not None:
            logits = logits + bias
        if kept is not None:
            logits = logits.masked_fill(~kept[..., None], -torch.inf)
        attention = logits.softmax(dim=1)  # over slots: what a token gives away sums to 1
        share = attention / (attention.sum(dim=2, keepdim=True) + _EPSILON)  # over tokens: a weighted mean
        updates = einsum(share.to(values.dtype), values, "b n m, b m d -> b n d")
        state = self.gru(updates.flatten(0, 1), slots.flatten(0, 1)).view_as(slots)
        return state + self.mlp(self.norm_update(state)), logits


def won(maps: Float[Tensor, "b n m"]) -> Bool[Tensor, "b n m"]:
    """Which tokens each slot wins: where its map is the largest, or the first of the largest."""
    numbers = torch.arange(maps.shape[1], device=maps.device)  # one_hot would ask a GPU for the largest
    return maps.argmax(dim=1)[:, None] == numbers[None, :, None]


def straight_through(
    slots: Float[Tensor, "b n d"], queries: Float[Tensor, "b n d"]
) -> Float[Tensor, "b n d"]:
    """The slots, whose gradient goes to the queries alone (BO-QSA, Jia et al. 2023)."""
    return slots.detach() + (queries - queries.detach())
