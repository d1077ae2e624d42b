"""A part of a batch gets the random numbers that it has in the whole."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dias.models import ImageModelConfig
from dias.nn.chance import Chance, Share, begins, common, completes, gumbel, normal, uniform, whole
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSeparateConfig, NormalSharedConfig, Queries

CPU = torch.device("cpu")
DRAWS: list[Callable[[int, Chance], Tensor]] = [
    lambda batch, chance: uniform(batch, 3, chance=chance, device=CPU),
    lambda batch, chance: normal(batch, 2, 5, chance=chance, device=CPU),
    lambda batch, chance: whole(9, batch, 1, chance=chance, device=CPU),
    lambda batch, chance: gumbel(batch, 4, chance=chance, device=CPU),
]


@given(parts=st.integers(1, 5), size=st.integers(1, 7), seed=st.integers(0, 2**40))
def test_parts_are_rows_of_the_whole(parts: int, size: int, seed: int) -> None:
    for draw in DRAWS:
        torch.manual_seed(seed)
        everything = draw(parts * size, None)
        for part in range(parts):
            torch.manual_seed(seed)
            assert torch.equal(
                draw(size, Share(start=part * size, total=parts * size)),
                everything[part * size : (part + 1) * size],
            )


def test_all_parts_have_a_number_in_common() -> None:
    drawn = set()
    for seed in range(40):
        numbers = set()
        for part in range(3):
            torch.manual_seed(seed)
            numbers.add(int(common(9, chance=Share(start=2 * part, total=6), device=CPU)))
        assert len(numbers) == 1
        drawn |= numbers
    assert drawn == set(range(9))


def test_a_generator_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    for draw in DRAWS:
        one, other = (draw(4, torch.Generator().manual_seed(5)) for _ in range(2))
        assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("queries", [NormalSharedConfig(slots=3), NormalSeparateConfig(slots=3)])
def test_a_model_computes_a_part_as_it_does_in_the_whole(queries: Queries) -> None:
    config = ImageModelConfig(
        channels=8,
        positions=6,
        queries=queries,
        aggregation=AggregationConfig(slot_dim=8),
        decoder=RandomARConfig(layers=1, heads=2, width=8),
    )
    torch.manual_seed(0)
    model = config.build().train()
    features = torch.randn(6, 6, 8)

    def reconstructed(rows: slice, chance: Chance) -> Tensor:
        torch.manual_seed(7)
        found = model.from_features(features[rows], generator=chance).reconstruction
        assert found is not None
        return found

    together = reconstructed(slice(None), None)
    for start in (0, 2, 4):
        part = reconstructed(slice(start, start + 2), Share(start=start, total=6))
        torch.testing.assert_close(part, together[start : start + 2])
    other = reconstructed(slice(2, 4), Share(start=0, total=6))
    assert not torch.allclose(other, together[2:4])


def test_gumbel_numbers_make_an_argmax_a_draw_from_the_softmax() -> None:
    logits = torch.tensor([0.3, -1.0, 1.2])
    drawn = (logits + gumbel(50_000, 3, chance=torch.Generator().manual_seed(0), device=CPU)).argmax(dim=1)
    torch.testing.assert_close(drawn.bincount() / 50_000, logits.softmax(dim=0), atol=0.01, rtol=0)


@given(parts=st.integers(1, 5), size=st.integers(1, 7))
def test_the_first_and_the_last_part_know_that_they_are(parts: int, size: int) -> None:
    shares = [Share(start=part * size, total=parts * size) for part in range(parts)]
    assert [begins(share, size) for share in shares] == [True] + [False] * (parts - 1)
    assert [completes(share, size) for share in shares] == [False] * (parts - 1) + [True]
    assert begins(None, size)
    assert completes(None, size)
