"""The diffusion decoder against its definition, by hand in float64 (Ho et al. 2020, eq. 4 and 14)."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dias.errors import DiasError, SettingError
from dias.nn.chance import Share, normal, whole
from dias.nn.decoders import DiffusionConfig, DiffusionDecoder, Target

pytest.importorskip("diffusers")
CPU = torch.device("cpu")


def decoder(**settings: object) -> DiffusionDecoder:
    torch.manual_seed(0)
    config = DiffusionConfig(**{"channels": (8, 16), "layers": 1, "heads": 2, **settings})  # type: ignore[arg-type]
    return config.build(slot_dim=6, token_dim=4, positions=16)


def a_batch(count: int = 3) -> tuple[Tensor, Tensor, Target]:
    torch.manual_seed(1)
    kept = torch.tensor([[True, True, False, True, True]]).expand(count, -1)
    return torch.randn(count, 5, 6), kept, Target(tokens=torch.randn(count, 16, 4))


def kept_light(levels: int = 1000, first: float = 0.0015, last: float = 0.0195) -> np.ndarray:
    """Share of the signal's variance that is left at each level: the product of 1 - beta, beta = line^2."""
    light, product = [], 1.0
    for t in range(levels):
        root = math.sqrt(first) + (math.sqrt(last) - math.sqrt(first)) * t / (levels - 1)
        product *= 1.0 - root**2
        light.append(product)
    return np.array(light)


@pytest.mark.parametrize(("levels", "first", "last"), [(1000, 0.0015, 0.0195), (50, 0.001, 0.3)])
def test_the_schedule_is_scaled_linear(levels: int, first: float, last: float) -> None:
    part = decoder(noise_levels=levels, beta_start=first, beta_end=last)
    light = part.schedule.alphas_cumprod.double().numpy()
    np.testing.assert_allclose(light, kept_light(levels, first, last), rtol=2e-5)


class Stub(nn.Module):
    """Predicts a fixed function of what it is given, and remembers it."""

    def forward(
        self, noised: Tensor, level: Tensor, slots: Tensor, *, encoder_attention_mask: Tensor
    ) -> object:
        self.noised, self.level, self.slots, self.mask = noised, level, slots, encoder_attention_mask
        return SimpleNamespace(sample=0.5 * noised + 0.1)


def test_noising_and_error_by_hand() -> None:
    """x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e, and the mean square of what is predicted minus e."""
    part = decoder(scale=2.0).train()
    part.unet = Stub()
    slots, kept, target = a_batch()
    decoded = part(slots, kept, target, generator=torch.Generator().manual_seed(3))

    again = torch.Generator().manual_seed(3)
    level = whole(1000, 3, chance=again, device=CPU).numpy()
    noise = normal(3, 16, 4, chance=again, device=CPU).double().numpy()
    light = kept_light()[level][:, None, None]
    noised = np.sqrt(light) * 2.0 * target.tokens.double().numpy() + np.sqrt(1 - light) * noise
    error = ((0.5 * noised + 0.1 - noise) ** 2).mean(axis=(1, 2))

    np.testing.assert_allclose(decoded.error.double().numpy(), error, rtol=1e-5)
    np.testing.assert_allclose(decoded.reconstruction.double().numpy(), 0.5 * noised + 0.1, atol=1e-5)
    grid = noised.reshape(3, 4, 4, 4).transpose(0, 3, 1, 2)  # row by row, channels first
    np.testing.assert_allclose(part.unet.noised.double().numpy(), grid, atol=1e-5)
    assert torch.equal(part.unet.mask, kept)
    assert decoded.attention is None


def test_levels_are_uniform_over_all() -> None:
    part, seen = decoder(noise_levels=4).train(), []
    part.unet = Stub()
    slots, kept, target = a_batch(400)
    part(slots, kept, target)
    seen = torch.bincount(part.unet.level, minlength=4)
    assert len(seen) == 4
    assert seen.min() > 60


def test_masked_slots_have_no_influence_and_kept_ones_do() -> None:
    part = decoder().eval()
    slots, kept, target = a_batch()
    before = part(slots, kept, target).reconstruction
    changed = slots.clone()
    changed[:, 2] = torch.nan  # it may hold anything
    assert torch.equal(part(changed, kept, target).reconstruction, before)
    changed = slots.clone()
    changed[:, 3] += 1
    assert not torch.equal(part(changed, kept, target).reconstruction, before)
    alone = part(slots[:, kept[0]], kept[:, kept[0]], target).reconstruction
    torch.testing.assert_close(alone, before, atol=1e-5, rtol=1e-5)


def test_evaluation_repeats_itself_and_training_does_not() -> None:
    part = decoder().eval()
    slots, kept, target = a_batch()
    first, state = part(slots, kept, target), torch.get_rng_state()
    assert torch.equal(part(slots, kept, target).error, first.error)
    assert torch.equal(torch.get_rng_state(), state)
    part.train()
    assert not torch.equal(part(slots, kept, target).error, part(slots, kept, target).error)


def test_shares_of_a_batch_see_what_the_whole_does() -> None:
    """Levels, noise and what is dropped come from (seed, place in the whole batch) alone."""
    part = decoder(dropout=0.3).train()
    slots, kept, target = a_batch(4)
    torch.manual_seed(7)
    together = part(slots, kept, target)
    halves = []
    for start in (0, 2):
        torch.manual_seed(7)
        own = slice(start, start + 2)
        share = Share(start=start, total=4)
        halves.append(part(slots[own], kept[own], Target(tokens=target.tokens[own]), generator=share).error)
    torch.testing.assert_close(torch.cat(halves), together.error)


@pytest.mark.parametrize("steps", [1, 5, 20])
def test_sampling_with_a_perfect_oracle_recovers_the_latents(
    monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Whoever knows the latents knows the noise; following it from pure noise must end at the latents."""
    part = decoder(scale=0.5).eval()
    slots, kept, target = a_batch()
    light = torch.tensor(kept_light())

    def oracle(noised: Tensor, level: Tensor, slots: Tensor, kept: Tensor) -> Tensor:
        a = light[level][:, None, None]
        return ((noised - a.sqrt() * 0.5 * target.tokens) / (1 - a).sqrt()).float()

    monkeypatch.setattr(part, "predict", oracle)
    found = part.sample(slots, kept, steps=steps, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, target.tokens, atol=1e-3, rtol=1e-3)


def test_samples_depend_on_generator_and_slots_alone() -> None:
    part = decoder().eval()
    slots, kept, _ = a_batch(2)

    def sampled(slots: Tensor, seed: int) -> Tensor:
        return part.sample(slots, kept, steps=2, generator=torch.Generator().manual_seed(seed))

    first = sampled(slots, 0)
    assert first.shape == (2, 16, 4)
    assert torch.equal(sampled(slots, 0), first)
    assert not torch.equal(sampled(slots, 1), first)
    assert not torch.equal(sampled(slots + 1, 0), first)


class Book:
    """A codebook of given vectors."""

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors

    def embed(self, codes: Tensor) -> Tensor:
        return self.vectors[codes]

    def nearest(self, tokens: Tensor) -> Tensor:
        return self.vectors[torch.cdist(tokens, self.vectors).argmin(dim=-1)]


def test_samples_are_codes_where_there_is_a_codebook() -> None:
    part = decoder(scale=1.5).eval()
    slots, kept, _ = a_batch(2)
    book = Book(torch.randn(10, 4))
    found = part.from_slots(slots, kept, codebook=book, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, book.nearest(found), atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_four_latents_are_learned_by_heart() -> None:
    """The error falls far below 1, that of predicting no noise; each picture's slots bring it back."""
    part = decoder(channels=(32, 32), dropout=0.0).train()
    torch.manual_seed(2)
    slots, tokens = torch.randn(4, 3, 6).repeat(8, 1, 1), torch.randn(4, 16, 4).repeat(8, 1, 1)
    kept = torch.ones(32, 3, dtype=torch.bool)
    optimizer = torch.optim.Adam(part.parameters(), lr=3e-3)
    errors = []
    for _ in range(120):
        error = part(slots, kept, Target(tokens=tokens)).error.mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[0] > 0.8
    assert np.mean(errors[-20:]) < 0.25
    few, noise = slice(0, 4), torch.Generator().manual_seed(0)
    book = Book(tokens[few].flatten(0, 1))
    found = part.eval().from_slots(slots[few], kept[few], codebook=book, generator=noise)
    distances = torch.cdist(found.flatten(1), tokens[few].flatten(1)).square()
    own, all_ = distances.diagonal().mean(), distances.mean()
    assert own < 0.85 * (4 * all_ - own) / 3  # than to others' latents


def test_settings_that_cannot_work_are_named() -> None:
    with pytest.raises(SettingError, match=r"model\.positions: 15 is no square"):
        DiffusionConfig().build(slot_dim=6, token_dim=4, positions=15)
    with pytest.raises(SettingError, match=r"model\.decoder\.heads: 3 must divide all of \(8, 16\)"):
        decoder(heads=3)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(DiasError, match=r"^model\.decoder of kind diffusion: diffusers is not installed;"):
        decoder()
