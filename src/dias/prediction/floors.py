"""What needs no training: the last frame stays; things go on in a straight line, in slot space."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class Forecast(Protocol):
    """What predicts slots; `Rollouter.rollout` is one."""

    def __call__(
        self,
        slots: Float[Tensor, "batch time slots dim"],
        kept: Bool[Tensor, "batch time slots"],
        *,
        steps: int,
    ) -> Float[Tensor, "batch steps slots dim"]:
        """Slots of the next frames, at the places that they have in the last one."""
        ...


def last_stays(
    slots: Float[Tensor, "batch time slots dim"],
    kept: Bool[Tensor, "batch time slots"],
    *,
    steps: int,
) -> Float[Tensor, "batch steps slots dim"]:
    """The last frame's slots, again and again."""
    return slots[:, -1:].expand(-1, steps, -1, -1)


def straight_on(
    slots: Float[Tensor, "batch time slots dim"],
    kept: Bool[Tensor, "batch time slots"],
    *,
    steps: int,
) -> Float[Tensor, "batch steps slots dim"]:
    """From the last frame's slots on, by the slope of the straight line that fits a slot's frames best.

    Least squares over the frames in which the slot is kept; one that is kept in a single frame stays.
    """
    weight = kept.to(slots)[..., None]
    times = torch.arange(slots.shape[1], device=slots.device).to(slots)[None, :, None, None]
    count = weight.sum(dim=1, keepdim=True).clamp(min=1)
    off = times - (weight * times).sum(dim=1, keepdim=True) / count
    middle = (weight * slots).sum(dim=1, keepdim=True) / count
    spread = (weight * off.square()).sum(dim=1)
    slope = (weight * off * (slots - middle)).sum(dim=1) / spread.clamp(min=1e-9)
    slope = slope.masked_fill(spread == 0, 0.0)
    ahead = torch.arange(1, steps + 1, device=slots.device).to(slots)[None, :, None, None]
    return slots[:, -1:] + ahead * slope[:, None]
