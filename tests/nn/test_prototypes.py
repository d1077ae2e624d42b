"""The codebook of MetaSlot: who is nearest, how prototypes follow, who takes the place of the unused."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from dias.nn.chance import Share
from dias.nn.slots.prototypes import Prototypes


def build(number: int = 4, *, dim: int = 3, decay: float = 0.9, patience: float = 1.0) -> Prototypes:
    torch.manual_seed(0)
    part = Prototypes(number=number, dim=dim, decay=decay, patience=patience)
    part.codes.copy_(torch.randn(number, dim))
    return part


def everyone(slots: Tensor) -> Tensor:
    return torch.ones(slots.shape[:2], dtype=torch.bool)


def test_the_nearest_is_the_nearest() -> None:
    part, slots = build(9).eval(), torch.randn(2, 5, 3)
    expected = torch.cdist(slots.double(), part.codes.double()).argmin(dim=-1)
    assert torch.equal(part.nearest(slots), expected)


def test_training_draws_prototypes_by_their_squared_distance() -> None:
    part, slot = build(3).train(), torch.randn(1, 1, 3)
    drawn = part.nearest(slot.expand(40_000, -1, -1)).flatten()
    expected = torch.softmax(-torch.cdist(slot[0], part.codes).square()[0], dim=0)
    torch.testing.assert_close(drawn.bincount(minlength=3) / 40_000, expected, atol=0.02, rtol=0)


def test_two_updates_by_hand() -> None:
    """Counts and sums are moving averages; a used prototype is their quotient, an unused one stays."""
    part = build()
    counts, sums, codes = torch.zeros(4).double(), torch.zeros(4, 3).double(), part.codes.double().clone()
    for step in range(2):
        slots = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(step))
        kept = torch.rand(3, 5, generator=torch.Generator().manual_seed(9 + step)) > 0.3
        nearest = torch.cdist(slots.double(), codes).argmin(dim=-1)
        for code in range(4):
            mine = slots[(nearest == code) & kept].double()
            counts[code] = 0.9 * counts[code] + 0.1 * len(mine)
            sums[code] = 0.9 * sums[code] + 0.1 * mine.sum(dim=0)
            if len(mine):
                codes[code] = sums[code] / counts[code]
        part.learn(slots, kept, progress=step / 2)
    torch.testing.assert_close(part.codes.double(), codes, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(part.counts.double(), counts, atol=1e-6, rtol=1e-5)


def test_the_first_use_puts_a_prototype_in_the_middle_of_its_slots() -> None:
    part = build(1)
    slots = torch.randn(2, 4, 3)
    part.learn(slots, everyone(slots), progress=0.0)
    torch.testing.assert_close(part.codes[0], slots.mean(dim=(0, 1)))


def test_the_farthest_kept_slots_take_the_place_of_the_unused() -> None:
    part = build(3, patience=0.2)
    part.codes.copy_(torch.tensor([[0.0, 0, 0], [100, 0, 0], [0, 100, 0]]))
    slots = torch.tensor([[[1.0, 0, 0], [0, 3, 0], [0, 0, 2], [0, 0, 40]]])
    kept = torch.tensor([[True, True, True, False]])
    for step in (0, 1, 2, 3):
        part.learn(slots, kept, progress=step / 16)
    torch.testing.assert_close(part.last_used, torch.tensor([3 / 16, 0, 0]))
    assert part.codes[1:].amax() == 100
    part.learn(slots, kept, progress=4 / 16)  # code 0 is the mean (1/3, 1, 2/3): distances² 1.9, 4.6, 2.9
    torch.testing.assert_close(part.codes[1:], slots[0, 1:3])
    torch.testing.assert_close(part.last_used, torch.full((3,), 4 / 16))


def test_no_more_are_replaced_than_there_are_kept_slots() -> None:
    part = build(6, patience=0.01)
    part.codes.copy_(torch.cat([torch.zeros(1, 3), torch.full((5, 3), 100.0)]))
    slots = torch.randn(1, 4, 3)
    part.learn(slots, torch.tensor([[True, True, False, False]]), progress=0.01)
    assert (part.codes == 100).all(dim=1).sum() == 3


def learned_in_parts(
    part: Prototypes, slots: Tensor, kept: Tensor, *, size: int, rank: int, world: int
) -> None:
    for start in range(rank * size, len(slots), world * size):
        rows = slice(start, start + size)
        share = Share(start=start, total=len(slots))
        part.learn(slots[rows], kept[rows], progress=0.5, generator=share)


def test_a_batch_in_parts_is_learned_as_a_whole() -> None:
    slots, kept = torch.randn(6, 5, 3), torch.rand(6, 5) > 0.3
    whole, parts = build(patience=0.5), build(patience=0.5)
    whole.learn(slots, kept, progress=0.5)
    share = Share(start=0, total=6)  # of a step that is broken off
    parts.learn(slots[:2] + 9, kept[:2], progress=0.5, generator=share)
    learned_in_parts(parts, slots, kept, size=2, rank=0, world=1)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value)


def _one_process(rank: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    given = torch.load(f"{folder}/given.pt")
    part = build(patience=0.5)
    learned_in_parts(part, given["slots"], given["kept"], size=2, rank=rank, world=2)
    torch.save(part.state_dict(), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_learn_the_same_as_one(tmp_path: os.PathLike[str]) -> None:
    slots, kept = torch.randn(8, 5, 3), torch.rand(8, 5) > 0.3
    torch.save({"slots": slots, "kept": kept}, f"{tmp_path}/given.pt")
    mp.spawn(_one_process, args=(str(tmp_path),), nprocs=2)
    whole = build(patience=0.5)
    whole.learn(slots, kept, progress=0.5)
    for rank in range(2):
        found = torch.load(f"{tmp_path}/{rank}.pt")
        for name, value in whole.state_dict().items():
            torch.testing.assert_close(found[name], value)
