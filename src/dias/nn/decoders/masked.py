"""What decoders of the random order share: tokens of which some are known, and layers that look at slots."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dias.nn.chance import Chance, uniform, whole
from dias.nn.decoders.decoder import DecoderPart
from dias.nn.transformer import DecoderLayer, inner_width


class MaskedDecoder(DecoderPart):
    """Transformer layers over known and masked tokens; no causal mask.

    Args:
        slot_dim: width of a slot.
        token_dim: channels of a token.
        positions: tokens of a picture.
        layers: Transformer layers.
        heads: attention heads.
        width: channels inside; None means as many as a token has.
    """

    same_in_training = False  # there, most tokens are hidden

    def __init__(
        self, *, slot_dim: int, token_dim: int, positions: int, layers: int, heads: int, width: int | None
    ) -> None:
        super().__init__()
        self.width = width = inner_width(width, token_dim=token_dim, heads=heads)
        self.token_in = nn.Sequential(nn.Linear(token_dim, width, bias=False), nn.LayerNorm(width))
        self.slot_in = nn.Sequential(nn.Linear(slot_dim, width, bias=False), nn.LayerNorm(width))
        self.mask_token = nn.Parameter(torch.randn(1, 1, width) * width**-0.5)
        self.positions = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, positions, width)))
        self.norm_in = nn.LayerNorm(width, bias=False)
        self.layers = nn.ModuleList(
            DecoderLayer(width, heads=heads, hidden=4 * width, first_norm=index > 0)
            for index in range(layers)
        )

    def masked(self, tokens: Float[Tensor, "b m w"], known: Bool[Tensor, "b m"]) -> Float[Tensor, "b m w"]:
        """Tokens that are known; the mask token in place of the others."""
        return torch.where(known[..., None], tokens, self.mask_token.to(tokens.dtype))

    def through(
        self,
        x: Float[Tensor, "b k w"],
        memory: Float[Tensor, "b n w"],
        seen: Bool[Tensor, "b n"],
        *,
        with_map: bool,
    ) -> tuple[Float[Tensor, "b k w"], Float[Tensor, "b n k"] | None]:
        """All layers; with the last one's attention to what is seen of `memory`, if that is wanted."""
        *firsts, last = self.layers
        for layer in firsts:
            x = layer(x, memory, seen)
        assert isinstance(last, DecoderLayer)
        return last.with_map(x, memory, seen) if with_map else (last(x, memory, seen), None)


def draw_known(
    batch: int,
    positions: int,
    *,
    share: float,
    random_order: bool = True,
    device: torch.device,
    generator: Chance = None,
) -> Bool[Tensor, "b m"]:
    """The first k of a random permutation (of the raster scan, without `random_order`).

    With probability 1/2, k is uniform in 0..m-2; otherwise floor(share * m) - 1.
    """
    few = max(int(positions * share) - 1, 0)
    anything = whole(max(positions - 1, 1), batch, 1, chance=generator, device=device)
    coin = uniform(batch, 1, chance=generator, device=device) < 0.5
    count = torch.where(coin, anything, few)
    places = torch.arange(positions, device=count.device).expand(batch, positions)
    if random_order:
        order = uniform(batch, positions, chance=generator, device=device).argsort(dim=1)
        place = torch.empty_like(order).scatter_(1, order, places)
    else:
        place = places
    return (place < count).to(device)
