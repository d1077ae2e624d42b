"""Random numbers for a batch, or for the share of it that one of several processes computes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Share:
    """The rows `start`, `start + 1`, ... of a batch of `total`, that is computed in several parts.

    Numbers are drawn for the whole batch, from the global random state, and those of the own rows taken. So
    an image's numbers depend on its place in the whole batch alone: one process and many, with or without
    accumulated parts, train on the same ones.
    """

    start: int
    total: int


Chance = torch.Generator | Share | None  # None: the global random state, for a batch that is whole


def uniform(*shape: int, chance: Chance, device: torch.device) -> Tensor:
    """Float32 numbers in [0, 1); the first axis of `shape` is the batch.

    A generator draws where it lives, and its numbers stay there: a CPU seed means the same on a GPU.
    """
    return _drawn(torch.rand, shape, chance, device)


def normal(*shape: int, chance: Chance, device: torch.device) -> Tensor:
    """Standard normal float32 numbers; otherwise as `uniform`."""
    return _drawn(torch.randn, shape, chance, device)


def gumbel(*shape: int, chance: Chance, device: torch.device) -> Tensor:
    """Standard Gumbel float32 numbers: the argmax of logits plus them is a draw from the softmax."""
    drawn = uniform(*shape, chance=chance, device=device)
    return -(-drawn.clamp(min=torch.finfo(drawn.dtype).tiny).log()).log()


def whole(below: int, *shape: int, chance: Chance, device: torch.device) -> Tensor:
    """Int64 numbers in [0, below); otherwise as `uniform`."""
    return _drawn(partial(torch.randint, below), shape, chance, device)


def begins(chance: Chance, rows: int) -> bool:
    """Whether `rows` images are in the first of the parts that their batch is computed in, one after another.

    Processes that compute at the same time are one part together.
    """
    return not isinstance(chance, Share) or chance.start < processes() * rows


def completes(chance: Chance, rows: int) -> bool:
    """Whether `rows` images are in the last of those parts, so that the whole batch has been seen."""
    return not isinstance(chance, Share) or chance.total - chance.start <= processes() * rows


def processes() -> int:
    """How many compute at the same time."""
    together = dist.is_available() and dist.is_initialized()
    return dist.get_world_size() if together else 1


def common(below: int, *, chance: Chance, device: torch.device) -> Tensor:
    """One int64 number in [0, below) that a whole batch has in common: the same in each `Share` of it."""
    if isinstance(chance, Share):
        chance = replace(chance, start=0)
    return whole(below, 1, chance=chance, device=device)[0]


def _drawn(
    draw: Callable[..., Tensor], shape: tuple[int, ...], chance: Chance, device: torch.device
) -> Tensor:
    if isinstance(chance, Share):
        batch, *rest = shape
        return draw((chance.total, *rest), device=device)[chance.start : chance.start + batch]
    return draw(shape, generator=chance, device=device if chance is None else chance.device)
