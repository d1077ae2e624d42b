"""Prototypes of a data set's slots: a codebook that follows them by mini-batch k-means."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn

from dias.nn.chance import Chance, begins, completes, gumbel, processes

_ROUNDING = 1e-6  # of a share of training in float32


class Prototypes(nn.Module):
    """Vectors that slots are likened to; moving averages of those that are nearest to them.

    They have no gradient: the averages are those of van den Oord et al. 2017, appendix A.1. A batch that is
    computed in parts, or by several processes, is learned as a whole once its last part has been seen.

    Args:
        number: of prototypes.
        dim: width of a slot.
        decay: share of the averages that stays at each step.
        patience: share of training that a prototype may be nobody's nearest; then a slot far from all takes
            its place.
    """

    codes: Float32[Tensor, "k d"]
    counts: Float32[Tensor, " k"]
    sums: Float32[Tensor, "k d"]
    last_used: Float32[Tensor, " k"]

    def __init__(self, *, number: int, dim: int, decay: float, patience: float) -> None:
        super().__init__()
        self.decay, self.patience = decay, patience
        self.register_buffer("codes", torch.empty(number, dim).uniform_(-1 / number, 1 / number))
        self.register_buffer("counts", torch.zeros(number))
        self.register_buffer("sums", torch.zeros(number, dim))
        self.register_buffer("last_used", torch.zeros(number))
        self._parts: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def nearest(self, slots: Float[Tensor, "b n d"], *, generator: Chance = None) -> Int64[Tensor, "b n"]:
        """The prototype of each slot: the nearest; in training drawn, with the squared distance as energy."""
        nearness = -self._distances(slots)
        if self.training:
            noise = gumbel(*nearness.shape, chance=generator, device=slots.device)
            nearness = nearness + noise.to(nearness)
        return nearness.argmax(dim=-1)

    @torch.no_grad()
    def learn(
        self,
        slots: Float[Tensor, "b n d"],
        kept: Bool[Tensor, "b n"],
        *,
        progress: float,
        generator: Chance = None,
    ) -> None:
        """Follow the kept slots of a batch, or take note of those of one of its parts.

        Args:
            slots: of the batch, or the part.
            kept: which of them there are.
            progress: share of training that is done, 0 to 1.
            generator: a `Share` says which part it is.
        """
        if begins(generator, len(slots)):
            self._parts.clear()  # of a step that was broken off
        self._parts.append((slots.detach().float(), kept))
        if completes(generator, len(slots)):
            everything, there = (_whole(list(parts)) for parts in zip(*self._parts, strict=True))
            self._parts.clear()
            self._follow(everything.flatten(0, 1), there.flatten(), progress=progress)

    def _follow(self, slots: Float[Tensor, "s d"], kept: Bool[Tensor, " s"], *, progress: float) -> None:
        distance, nearest = self._distances(slots).min(dim=-1)
        members = F.one_hot(nearest, len(self.codes)).float() * kept[:, None]
        number = members.sum(dim=0)
        with torch.autocast(slots.device.type, enabled=False):
            total = members.T @ slots
        self.counts.lerp_(number, 1 - self.decay)
        self.sums.lerp_(total, 1 - self.decay)
        used = number > 0
        self.codes.copy_(torch.where(used[:, None], self.sums / self.counts[:, None], self.codes))
        self.last_used.masked_fill_(used, progress)
        self._replace(slots, distance.masked_fill(~kept, -torch.inf), progress=progress)

    def _replace(
        self, slots: Float[Tensor, "s d"], distance: Float[Tensor, " s"], *, progress: float
    ) -> None:
        """Put the farthest slots, each once, in the place of prototypes that are not used any more."""
        farthest = distance.argsort(descending=True, stable=True)
        given_up = progress - self.last_used >= self.patience - _ROUNDING
        turn = given_up.cumsum(dim=0) - 1
        replaced = given_up & (turn < distance.isfinite().sum())
        heir = slots[farthest[turn.clamp(min=0, max=len(slots) - 1)]]
        self.codes.copy_(torch.where(replaced[:, None], heir, self.codes))
        self.counts.masked_fill_(replaced, 0)
        self.sums.masked_fill_(replaced[:, None], 0)
        self.last_used.masked_fill_(replaced, progress)

    def _distances(self, slots: Float[Tensor, "*rows d"]) -> Float32[Tensor, "*rows k"]:
        """Squared Euclidean distances to the prototypes."""
        with torch.autocast(slots.device.type, enabled=False):
            precise = slots.float()
            products = precise @ self.codes.T
            squares = precise.square().sum(dim=-1, keepdim=True)
            return squares - 2 * products + self.codes.square().sum(dim=-1)


def _whole(parts: list[Tensor]) -> Tensor:
    """Rows of all parts and processes, in the order of the batch."""
    own = torch.stack(parts)
    if processes() == 1:
        return own.flatten(0, 1)
    everyone = [torch.empty_like(own) for _ in range(processes())]
    dist.all_gather(everyone, own)
    return torch.stack(everyone, dim=1).flatten(0, 2)
