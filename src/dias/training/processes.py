"""What the processes of one run tell each other beside gradients; alone, each function gives what it got."""

import atexit
import os

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float
from torch import Tensor

_BROKEN = ("gloo", "nccl", "closed by peer", "connection reset")  # in what torch says of a line that broke


def several() -> bool:
    """Whether this process is one of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def mean_of_all(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Mean over processes; every one must call it, with values on its own device."""
    if not several():
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


def any_of_all(flags: Bool[Tensor, " n"], *, device: torch.device) -> Bool[Tensor, " n"]:
    """Which flags at least one process has set; every one must call it. `device` is what it trains on."""
    if not several():
        return flags
    counts = flags.to(device, torch.int32)
    dist.all_reduce(counts)
    return (counts > 0).cpu()


def lost_another(error: BaseException) -> bool:
    """Whether an error says that another process is gone, or that the line to it broke."""
    told = str(error).lower()
    return several() and (
        isinstance(error, dist.DistError)
        or (isinstance(error, RuntimeError) and any(word in told for word in _BROKEN))
    )


def part_at_exit() -> None:
    """Take leave of the others before the interpreter ends; alone, nothing.

    A thread of gloo that still holds a tensor when the interpreter is gone aborts the process (SIGABRT,
    pytorch#179291), though all is trained and saved. Lightning takes leave of NCCL only.
    """
    if several():
        atexit.unregister(_part)  # once, however many stages a run has
        atexit.register(_part)


def _part() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


class Agreement:
    """The largest of the numbers that the processes hold, over a line of its own on the CPU: no GPU waits.

    Every process must make it, at the same time.
    """

    def __init__(self) -> None:
        self._line = dist.new_group(backend="gloo") if several() else None

    def largest(self, number: int) -> int:
        """Ask all processes; every one must, between the same two steps."""
        if self._line is None:
            return number
        numbers = torch.tensor(number)
        dist.all_reduce(numbers, dist.ReduceOp.MAX, group=self._line)
        return int(numbers)


_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")


def is_first() -> bool:
    """Whether this process is the one that speaks; known from its launcher before anything has begun."""
    return all(os.environ.get(name, "0") == "0" for name in _RANKS)
