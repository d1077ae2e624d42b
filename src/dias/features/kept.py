"""What a cache keeps of a view: its features, and behind them the keys, where the backbone gives those."""

import torch
from jaxtyping import Float
from torch import Tensor

from dias.backbones import Tokens


def joined(seen: Tokens) -> Float[Tensor, "b m c"]:
    """Features, and keys behind them."""
    return seen.features if seen.keys is None else torch.cat([seen.features, seen.keys], dim=2)


def parted(
    kept: Float[Tensor, "*b m c"], *, channels: int
) -> tuple[Float[Tensor, "*b m k"], Float[Tensor, "*b m k"] | None]:
    """Features and keys again; no keys where there are none.

    Args:
        kept: as `joined` gives it.
        channels: of the backbone's features.
    """
    return kept[..., :channels], kept[..., channels:] if kept.shape[-1] > channels else None
