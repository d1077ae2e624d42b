"""Conditional queries: slots that are told where their objects are, in a clip's first frame."""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveFloat
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from dias.config import STRICT
from dias.errors import DiasError
from dias.nn.chance import Chance, normal
from dias.nn.mlp import mlp, zero_biases


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BoxesConfig:
    """Queries from boxes: left, top, right, bottom, in shares of the frame.

    Attributes:
        noise: standard deviation at the start of what is added to a told query; it is learned.
    """

    kind: Literal["boxes"] = "boxes"
    noise: PositiveFloat = 0.1

    def build(self, *, dim: int) -> "ToldQueries":
        """Make the module for slots `dim` wide."""
        return ToldQueries(numbers=4, dim=dim, noise=self.noise)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CentresConfig:
    """Queries from centres of mass: x, y, in shares of the frame; otherwise as `BoxesConfig`."""

    kind: Literal["centres"] = "centres"
    noise: PositiveFloat = 0.1

    def build(self, *, dim: int) -> "ToldQueries":
        """Make the module for slots `dim` wide."""
        return ToldQueries(numbers=2, dim=dim, noise=self.noise)


CuesConfig = Annotated[BoxesConfig | CentresConfig, Field(discriminator="kind")]


class ToldQueries(nn.Module):
    """An MLP on what is told of an object, with noise; slots that are told nothing keep the queries they had.

    The number of queries is fixed: slot j is told cue j, if there is one. The last slot at least is told
    nothing and is the background's. Noise, in evaluation too, keeps queries of equal boxes apart, and those
    that are told nothing are drawn with noise of their own; equal queries would stay equal for ever, and
    share the background (reference study, 6-A7).

    Args:
        numbers: that a cue has.
        dim: width of a slot.
        noise: standard deviation at the start.
    """

    def __init__(self, *, numbers: int, dim: int, noise: float) -> None:
        super().__init__()
        self.numbers = numbers
        self.mlp = mlp(numbers, hidden=dim, out=dim)
        self.log_std = nn.Parameter(torch.full((1, 1, dim), noise).log())
        zero_biases(self)

    def forward(
        self,
        untold: Float[Tensor, "b n d"],
        cues: Float[Tensor, "b k numbers"],
        there: Bool[Tensor, "b k"],
        *,
        generator: Chance = None,
    ) -> Float[Tensor, "b n d"]:
        """Queries of which those with a cue follow it.

        Args:
            untold: queries of slots that are told nothing, no two of them equal.
            cues: of objects, in shares of the frame.
            there: which of them exist; the others are padding.
            generator: source of the noise.

        Raises:
            DiasError: a cue has another number of numbers, or there are as many cues as slots, or more.
        """
        self._check(untold, cues)
        batch, told, dim = *cues.shape[:2], untold.shape[2]
        noise = normal(batch, told, dim, chance=generator, device=cues.device).to(untold)
        queries = self.mlp(cues.to(untold)) + self.log_std.exp() * noise
        front = torch.where(there[..., None], queries.to(untold), untold[:, :told])
        return torch.cat([front, untold[:, told:]], dim=1)

    def _check(self, untold: Tensor, cues: Tensor) -> None:
        if cues.shape[2] != self.numbers:
            raise DiasError(f"cues: {cues.shape[2]} numbers each, the model was made for {self.numbers}")
        if cues.shape[1] >= untold.shape[1]:
            raise DiasError(
                f"cues: room for {cues.shape[1]}, but of the model's {untold.shape[1]} slots one is the "
                f"background's; give {untold.shape[1] - 1} at most, or take more slots (queries.slots)"
            )
