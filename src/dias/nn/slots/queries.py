"""Where slots are born: the queries that the first aggregation starts from."""

import math
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import SettingError
from dias.nn.chance import Chance, normal
from dias.nn.slots.preheater import Preheater


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NormalSharedConfig:
    """One learned Gaussian that all slots are drawn from (Locatello et al. 2020)."""

    kind: Literal["shared"] = "shared"
    slots: PositiveInt = 7

    def build(self, *, dim: int, token_dim: int | None = None) -> "NormalShared":
        """Make the module; `dim` is the width of a slot, tokens are not looked at."""
        return NormalShared(slots=self.slots, dim=dim)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NormalSeparateConfig:
    """One learned Gaussian per slot."""

    kind: Literal["separate"] = "separate"
    slots: PositiveInt = 7

    def build(self, *, dim: int, token_dim: int | None = None) -> "NormalSeparate":
        """Make the module; `dim` is the width of a slot, tokens are not looked at."""
        return NormalSeparate(slots=self.slots, dim=dim)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnnealedConfig:
    """One learned query per slot, with noise at the start of training (BO-QSA, Jia et al. 2023).

    Attributes:
        slots: how many there are.
        noise: its standard deviation at the first step, as a share of each of a query's numbers.
        noise_until: share of training in which it falls to nothing, along half a cosine.
    """

    kind: Literal["annealed"] = "annealed"
    slots: PositiveInt = 7
    noise: Annotated[float, Field(ge=0)] = 1.0
    noise_until: Annotated[float, Field(ge=0, le=1)] = 0.12

    def build(self, *, dim: int, token_dim: int | None = None) -> "Annealed":
        """Make the module; `dim` is the width of a slot, tokens are not looked at."""
        return Annealed(self, dim=dim)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PreheatedConfig:
    """Draws from one Gaussian that a small module moves to where the picture wants them (SmoothSA).

    Attributes:
        slots: how many are drawn.
        heads: of the small module's attention; must divide the width of a slot.
        weight: of its loss, the mean squared error to the final slots.
        detach: share of training, at its start, in which that loss does not reach the tokens' projection.
    """

    kind: Literal["preheated"] = "preheated"
    slots: PositiveInt = 7
    heads: PositiveInt = 4
    weight: Annotated[float, Field(ge=0)] = 100.0
    detach: Annotated[float, Field(ge=0, le=1)] = 0.1

    def build(self, *, dim: int, token_dim: int | None = None) -> "Preheated":
        """Make the module for slots `dim` wide and projected tokens of `token_dim` channels (None: `dim`)."""
        if dim % self.heads:
            raise SettingError("model.queries.heads", self.heads, f"must divide the width of a slot, {dim}")
        return Preheated(self, dim=dim, token_dim=dim if token_dim is None else token_dim)


Queries = Annotated[
    NormalSharedConfig | NormalSeparateConfig | AnnealedConfig | PreheatedConfig, Field(discriminator="kind")
]


class QueryPart(nn.Module):
    """What every kind of queries can be asked, beside queries; `progress` is the share of training done."""

    def preheat(
        self, queries: Float[Tensor, "b n d"], tokens: Float[Tensor, "b m c"], *, progress: float = 1.0
    ) -> Float[Tensor, "b n d"]:
        """Move drawn queries to where the picture's projected tokens want them; here they stay."""
        return queries

    def start(self, queries: Float[Tensor, "b n d"], *, generator: Chance = None) -> Float[Tensor, "b n d"]:
        """What the aggregation starts from, given preheated queries; here these."""
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

    def forward(
        self, batch: int, *, generator: Chance = None, progress: float = 1.0
    ) -> Float[Tensor, "b n d"]:
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

    def forward(
        self, batch: int, *, generator: Chance = None, progress: float = 1.0
    ) -> Float[Tensor, "b n d"]:
        """Give queries for `batch` images."""
        mean = self.mean.expand(batch, -1, -1)
        if not self.training:
            return mean
        noise = _noise(batch, mean.shape[1], like=self.mean, chance=generator)
        return mean + self.log_std.exp() * noise


class Annealed(QueryPart):
    """A learned query per slot; noise early in training only, as wide as the query's own numbers are large.

    That width has no gradient. As in BO-QSA's public code (Jia et al. 2023), which anneals it so.
    """

    def __init__(self, config: AnnealedConfig, *, dim: int) -> None:
        super().__init__()
        self.config = config
        self.slots = config.slots
        self.mean = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, config.slots, dim)[0])[None])

    def forward(
        self, batch: int, *, generator: Chance = None, progress: float = 1.0
    ) -> Float[Tensor, "b n d"]:
        """Give queries for `batch` images."""
        mean = self.mean.expand(batch, -1, -1)
        width = self.width(progress)
        if not self.training or width == 0:
            return mean
        return mean + width * mean.detach() * _noise(batch, self.slots, like=self.mean, chance=generator)

    def width(self, progress: float) -> float:
        """Standard deviation of the noise at `progress` (0 to 1) of training, as a share of the query."""
        until = self.config.noise_until
        return (
            0.5 * self.config.noise * (1 + math.cos(math.pi * progress / until)) if progress < until else 0.0
        )


class Preheated(QueryPart):
    """Queries that a small module, distilled from the final slots, has moved (SmoothSA, Zhao et al. 2025).

    Drawn from one Gaussian, in training and in evaluation. The module is taught by its own loss alone: the
    aggregation starts from a copy without gradient, in training with noise of a learned width.
    """

    def __init__(self, config: PreheatedConfig, *, dim: int, token_dim: int) -> None:
        super().__init__()
        self.config = config
        self.slots = config.slots
        self.mean = nn.Parameter(torch.zeros(1, 1, dim))
        self.log_std = nn.Parameter(torch.zeros(1, 1, dim))
        self.log_std_start = nn.Parameter(torch.zeros(1, 1, dim))
        self.preheater = Preheater(dim=dim, token_dim=token_dim, heads=config.heads)

    def forward(
        self, batch: int, *, generator: Chance = None, progress: float = 1.0
    ) -> Float[Tensor, "b n d"]:
        """Draw queries for `batch` images; they know nothing of them yet."""
        noise = _noise(batch, self.slots, like=self.mean, chance=generator)
        return self.mean + self.log_std.exp() * noise

    def preheat(
        self, queries: Float[Tensor, "b n d"], tokens: Float[Tensor, "b m c"], *, progress: float = 1.0
    ) -> Float[Tensor, "b n d"]:
        """Predict each picture's slots; early in training without a gradient to the tokens."""
        early = progress < self.config.detach
        predicted: Tensor = self.preheater(queries, tokens.detach() if early else tokens)
        return predicted

    def start(self, queries: Float[Tensor, "b n d"], *, generator: Chance = None) -> Float[Tensor, "b n d"]:
        """In training noise around the prediction, which learns nothing from what comes after."""
        if not self.training:
            return queries
        noise = _noise(*queries.shape[:2], like=self.mean, chance=generator)
        return queries.detach() + self.log_std_start.exp() * noise

    def penalties(
        self, queries: Float[Tensor, "b n d"], slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Mean squared error of the prediction to the slots that are kept, which are a constant target."""
        error = (queries.float() - slots.detach().float()).square().mean(dim=-1)
        return {"preheat": self.config.weight * (error * kept).sum() / kept.sum()}


def _noise(batch: int, slots: int, *, like: Tensor, chance: Chance) -> Float[Tensor, "b n d"]:
    return normal(batch, slots, like.shape[-1], chance=chance, device=like.device).to(like)
