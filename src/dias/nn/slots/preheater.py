"""A small module that moves queries to where a picture wants them, before the first competition."""

from jaxtyping import Float
from torch import Tensor, nn

from dias.nn.transformer import Attention


class Preheater(nn.Module):
    """One pre-norm Transformer layer without biases: look at the tokens, then at one another, then think.

    As SmoothSA's public code has it (Zhao et al. 2025): cross-attention stands first, and its queries are not
    normed.
    """

    def __init__(self, *, dim: int, token_dim: int, heads: int) -> None:
        super().__init__()
        self.token_in = nn.Linear(token_dim, dim)
        self.cross_attention = Attention(dim, heads=heads)
        self.norm_self = nn.LayerNorm(dim, bias=False)
        self.self_attention = Attention(dim, heads=heads)
        self.norm_mlp = nn.LayerNorm(dim, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 4 * dim, bias=False), nn.GELU(), nn.Linear(4 * dim, dim, bias=False)
        )

    def forward(
        self, queries: Float[Tensor, "b n d"], tokens: Float[Tensor, "b m c"]
    ) -> Float[Tensor, "b n d"]:
        """Predict the slots of a picture from queries that know nothing of it, and its tokens."""
        x = queries + self.cross_attention(queries, self.token_in(tokens))
        normed = self.norm_self(x)
        x = x + self.self_attention(normed, normed)
        predicted: Tensor = x + self.mlp(self.norm_mlp(x))
        return predicted
