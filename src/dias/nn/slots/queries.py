"""Where slots are born: the queries that the first aggregation starts from."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT


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


class NormalShared(nn.Module):
    """Queries drawn from one Gaussian, in training and in evaluation: slots differ by their noise alone.

    The number of slots is no property of the weights: change `slots` at any time.
    """

    def __init__(self, *, slots: int, dim: int) -> None:
        super().__init__()
        self.slots = slots
        self.mean = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, 1, dim)))
        self.log_std = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, 1, dim)))

    def forward(self, batch: int, *, generator: torch.Generator | None = None) -> Float[Tensor, "b n d"]:
        """Draw queries for `batch` images."""
        noise = _noise((batch, self.slots, self.mean.shape[-1]), like=self.mean, generator=generator)
        return self.mean + self.log_std.exp() * noise


class NormalSeparate(nn.Module):
    """A Gaussian per slot; noise in training only, so that evaluation is deterministic."""

    def __init__(self, *, slots: int, dim: int) -> None:
        super().__init__()
        self.slots = slots
        self.mean = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, slots, dim)[0])[None])
        self.log_std = nn.Parameter(torch.full((1, slots, dim), dim**-0.5).log())

    def forward(self, batch: int, *, generator: torch.Generator | None = None) -> Float[Tensor, "b n d"]:
        """Give queries for `batch` images."""
        mean = self.mean.expand(batch, -1, -1)
        if not self.training:
            return mean
        return mean + self.log_std.exp() * _noise(mean.shape, like=self.mean, generator=generator)


def _noise(shape: tuple[int, ...], *, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers, drawn where the generator lives: a CPU seed means the same on a GPU."""
    device = generator.device if generator is not None else like.device
    return torch.randn(shape, generator=generator, device=device, dtype=torch.float32).to(like)
