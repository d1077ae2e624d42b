"""Which tokens a decoder of the random order is given."""

import torch
from jaxtyping import Bool
from torch import Tensor

from dias.nn.chance import Chance, uniform, whole


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
