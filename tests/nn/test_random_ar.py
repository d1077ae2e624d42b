import pytest
import torch

from dias.errors import SettingError
from dias.nn.decoders import RandomARConfig, RandomARDecoder, Target


def decoder(**settings: object) -> RandomARDecoder:
    torch.manual_seed(0)
    config = RandomARConfig(**{"layers": 2, "heads": 2, **settings})  # type: ignore[arg-type]
    return config.build(slot_dim=6, token_dim=8, positions=20)


def shuffled(
    part: RandomARDecoder, slots: torch.Tensor, target: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    """The method to the letter: shuffle, known tokens first, mask the rest, decode, un-shuffle."""
    order = (~known).long().argsort(dim=1, stable=True)
    tokens = part.token_in(target).gather(1, order[..., None].expand(-1, -1, 8))
    count = known.sum(dim=1, keepdim=True)
    tokens = torch.where((torch.arange(20) < count)[..., None], tokens, part.mask_token)
    tokens = tokens + part.positions.expand(len(target), -1, -1).gather(1, order[..., None].expand(-1, -1, 8))
    x, memory = part.norm_in(tokens), part.slot_in(slots)
    for layer in part.layers:
        x = layer(x, memory, torch.ones(slots.shape[:2], dtype=torch.bool))
    return part.out(x).gather(1, order.argsort(dim=1)[..., None].expand(-1, -1, 8))


def test_masking_in_place_equals_shuffling_and_unshuffling() -> None:
    part = decoder().train()
    slots, target = torch.randn(3, 4, 6), torch.randn(3, 20, 8)
    known = part.draw_known(3, 20, device=torch.device("cpu"), generator=torch.Generator().manual_seed(5))
    ours = part(
        slots,
        torch.ones(3, 4, dtype=torch.bool),
        Target(tokens=target),
        generator=torch.Generator().manual_seed(5),
    )
    torch.testing.assert_close(ours.reconstruction, shuffled(part, slots, target, known))


def test_how_many_tokens_are_known() -> None:
    """Half of the samples have floor(0.1 m) - 1 of them, the others any number from 0 to m - 2."""
    part, positions = decoder(), 256
    known = part.draw_known(4000, positions, device=torch.device("cpu")).sum(dim=1)
    assert known.min() >= 0
    assert known.max() <= positions - 2
    few = (known == 24).float().mean().item()
    assert few == pytest.approx(0.5 + 0.5 / 255, abs=0.03)
    assert known.float().mean().item() == pytest.approx(0.5 * 24 + 0.5 * 127, abs=3)


def test_any_place_is_known_as_often_as_another_only_in_random_order() -> None:
    random = decoder().draw_known(4000, 20, device=torch.device("cpu")).float().mean(dim=0)
    raster = decoder(random_order=False).draw_known(4000, 20, device=torch.device("cpu")).float().mean(dim=0)
    assert random.max() - random.min() < 0.1
    assert (raster[:-1] >= raster[1:]).all()
    assert raster[0] - raster[-1] > 0.3


def test_evaluation_is_deterministic_and_gives_a_probability_map() -> None:
    part = decoder().eval()
    slots, target = torch.randn(3, 4, 6), torch.randn(3, 20, 8)
    kept = torch.tensor([[True, True, False, True]]).expand(3, -1)
    first, second = part(slots, kept, Target(tokens=target)), part(slots, kept, Target(tokens=target))
    assert torch.equal(first.reconstruction, second.reconstruction)
    assert first.attention is not None
    torch.testing.assert_close(first.attention.sum(dim=1), torch.ones(3, 20))
    assert (first.attention[:, 2] == 0).all()
    changed = slots.clone()
    changed[:, 2] += 100  # a masked slot may hold anything
    torch.testing.assert_close(
        part(changed, kept, Target(tokens=target)).reconstruction, first.reconstruction
    )


def test_the_map_costs_nothing_in_accuracy() -> None:
    """The fused kernel (training) and the layer that keeps its map (evaluation) compute the same."""
    part = decoder().eval()
    slots, target, kept = torch.randn(2, 4, 6), torch.randn(2, 20, 8), torch.ones(2, 4, dtype=torch.bool)
    x, memory = part.norm_in(part.token_in(target) + part.positions), part.slot_in(slots)
    for layer in part.layers:
        x = layer(x, memory, kept)
    torch.testing.assert_close(part(slots, kept, Target(tokens=target)).reconstruction, x)


def test_narrow_decoder_reads_tokens_out() -> None:
    part = decoder(width=4)
    out = part(torch.randn(2, 3, 6), torch.ones(2, 3, dtype=torch.bool), Target(tokens=torch.randn(2, 20, 8)))
    assert out.reconstruction.shape == (2, 20, 8)


def test_heads_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"model\.decoder\.heads: 3 must divide the decoder's width 8"):
        RandomARConfig(heads=3).build(slot_dim=6, token_dim=8, positions=20)
