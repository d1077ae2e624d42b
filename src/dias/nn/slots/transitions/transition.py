"""What every transition is, and the layers that they are made of."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from dias.errors import SettingError
from dias.nn.chance import Chance
from dias.nn.dropout import ChanceDropout
from dias.nn.slots.transitions.past import Past
from dias.nn.transformer import Attention


class Transition(nn.Module):
    """From a clip's slots to the queries of its next frame; slot i's query is query i.

    Attributes:
        slots_remembered: frames whose slots it looks at in training; in evaluation it is the newest one's.
        features_remembered: frames before the present one whose features it looks at in training; in
            evaluation none.
    """

    slots_remembered = 1
    features_remembered = 0

    def remember(
        self,
        past: Past | None,
        *,
        slots: Float[Tensor, "b n d"],
        features: Float[Tensor, "b m c"],
        kept: Bool[Tensor, "b n"],
    ) -> Past:
        """The past of the next frame: no longer than this transition needs, whatever the clip's length."""
        frames = self.slots_remembered if self.training else 1
        looks = self.features_remembered if self.training else 0
        before = Past(slots=(), features=(), kept=kept) if past is None else past
        return Past(
            slots=(*before.slots, slots)[-frames:],
            features=(*before.features, features)[-looks:] if looks else (),
            kept=kept,
        )


class PostNormBlock(nn.Module):
    """Attention, then feed-forward; each is added, then normed (Vaswani et al. 2017). GELU, no biases.

    Dropout falls on what is added and inside the feed-forward, not on attention weights.
    """

    def __init__(self, dim: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(dim, heads=heads)
        self.norm_attention = nn.LayerNorm(dim, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 4 * dim, bias=False),
            nn.GELU(),
            ChanceDropout(dropout),
            nn.Linear(4 * dim, dim, bias=False),
        )
        self.norm_mlp = nn.LayerNorm(dim, bias=False)
        self.drop = ChanceDropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        memory: Float[Tensor, "b k d"],
        *,
        kept: Bool[Tensor, "b k"] | None = None,
        chance: Chance = None,
    ) -> Float[Tensor, "b n d"]:
        """Attend from `x` to `memory` (what is not kept is not seen), and think."""
        draw_from(self, chance)
        x = self.norm_attention(x + self.drop(self.attention(x, memory, kept=kept)))
        found: Tensor = self.norm_mlp(x + self.drop(self.mlp(x)))
        return found


def draw_from(module: nn.Module, chance: Chance) -> None:
    """Let all dropout in a module draw its numbers from `chance`."""
    for part in module.modules():
        if isinstance(part, ChanceDropout):
            part.chance = chance


def check_heads(heads: int, *, dim: int) -> None:
    """See whether a transition's heads fit its slots.

    Raises:
        SettingError: the heads do not divide the width.
    """
    if dim % heads:
        raise SettingError("model.transition.heads", heads, f"must divide the width of a slot, {dim}")
