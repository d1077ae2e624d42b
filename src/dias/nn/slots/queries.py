"""Where slots are born: the queries that the first aggregation starts from."""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.nn.chance import Chance, normal


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NormalSharedConfig:
    """One learned Gaussian that all slots are drawn from (Locatello et al. 2020)."""

    kind: Literal["shared"] = "shared"
    slots: PositiveInt = 7

    def build(self, *, dim: int) -> "NormalShared":
        """Make the module; `dim` is the width of a slot."""
        return NormalShared(slots=self.slots, dim=dim)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NormalSeparateConfig:
    """One learned Gaussian per slot, as BO-QSA uses (Jia et al. 2023)."""

    kind: Literal["separate"] = "separate"
    slots: PositiveInt = 7

    def build(self, *, dim: int) -> "NormalSeparate":
        """Make the module; `dim` is the width of a slot."""
        return NormalSeparate(slots=self.slots, dim=dim)


Queries = Annotated[NormalSharedConfig | NormalSeparateConfig, Field(discriminator="kind")]


class QueryPart(nn.Module):
    """What every kind of queries can be asked."""

    def preheat(
        self, queries: Float[Tensor, "b n d"], tokens: Float[Tensor, "b m c"]
    ) -> Float[Tensor, "b n d"]:
        """Move drawn queries to where the picture's projected tokens want them; here they stay."""
        return queries

    def penalties(
        self, queries: Float[Tensor, "b n d"], slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]
    ) -> dict[str, Float[Tensor, ""]]:
        """What this part wants minimised, weighted, by name, once the slots are found; here nothing."""
        return {}


class NormalShared(QueryPart):
    """Queries drawn from one Gaussian, in training and in evaluation: slots differ by their noise alone.

    The number of slots is no property of the weights: change `slots` at any time.
    """

    def __init__(self, *, slots: int, dim: int) -> None:
        super().__init__()
        self.slots = slots
        self.mean = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, 1, dim)))
        self.log_std = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, 1, dim)))

    def forward(self, batch: int, *, generator: Chance = None) -> Float[Tensor, "b n d"]:
        """Draw queries for `batch` images."""
        noise = _noise(batch, self.slots, like=self.mean, chance=generator)
        return self.mean + self.log_std.exp() * noise


class NormalSeparate(QueryPart):
    """A Gaussian per slot; noise in training only, so that evaluation is deterministic."""

    def __init__(self, *, slots: int, dim: int) -> None:
        super().__init__()
        self.slots = slots
        self.mean = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, slots, dim)[0])[None])
        self.log_std = nn.Parameter(torch.full((1, slots, dim), dim**-0.5).log())

    def forward(self, batch: int, *, generator: Chance = None) -> Float[Tensor, "b n d"]:
        """Give queries for `batch` images."""
        mean = self.mean.expand(batch, -1, -1)
        if not self.training:
            return mean
        noise = _noise(batch, mean.shape[1], like=self.mean, chance=generator)
        return mean + self.log_std.exp() * noise


def _noise(batch: int, slots: int, *, like: Tensor, chance: Chance) -> Float[Tensor, "b n d"]:
    return normal(batch, slots, like.shape[-1], chance=chance, device=like.device).to(like)
