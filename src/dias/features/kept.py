"""What a cache keeps of a view: its features, and with them what else was asked for.

The keys of the last block stand behind the features of their token; what the last blocks are given stands in
rows of its own below those of the tokens. A cache has one or the other.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from dias.backbones import Tokens


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is in a cache of a batch, or of one view; None: it is not kept.

    Attributes:
        features: of each token.
        keys: as `Tokens.keys`.
        unfinished: as `Tokens.unfinished`.
    """

    features: Float[Tensor, "*b m c"]
    keys: Float[Tensor, "*b m c"] | None
    unfinished: Float[Tensor, "*b p c"] | None


def joined(seen: Tokens) -> Float[Tensor, "b r k"]:
    """As it lies in the cache; with keys k is 2c, with `unfinished` r is m + p."""
    if seen.unfinished is not None:
        return torch.cat([seen.features, seen.unfinished], dim=1)
    return seen.features if seen.keys is None else torch.cat([seen.features, seen.keys], dim=2)


def parted(kept: Float[Tensor, "*b r k"], *, tokens: int, channels: int) -> Kept:
    """The same again, apart.

    Args:
        kept: as `joined` gives it.
        tokens: of a view.
        channels: of the backbone's features.
    """
    above, below = kept[..., :tokens, :], kept[..., tokens:, :]
    return Kept(
        features=above[..., :channels],
        keys=above[..., channels:] if kept.shape[-1] > channels else None,
        unfinished=below if kept.shape[-2] > tokens else None,
    )
