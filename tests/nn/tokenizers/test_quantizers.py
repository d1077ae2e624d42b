"""Quantizers against their definitions, computed once more in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dias.nn.tokenizers.quantizers import (
    Nearest,
    NearestConfig,
    Similarity,
    SimilarityConfig,
    alignment,
    commitment,
    straight_through,
)
from dias.nn.tokenizers.quantizers.similarity import normal_distance

DIM = 5


def nearest(codes: int = 7) -> Nearest:
    torch.manual_seed(0)
    part = NearestConfig(codes=codes).build(dim=DIM)
    torch.nn.init.normal_(part.codebook)
    return part


def similarity(codes: int = 7, **settings: float) -> Similarity:
    torch.manual_seed(0)
    return SimilarityConfig(codes=codes, hidden=16, **settings).build(dim=DIM)  # type: ignore[arg-type]


@given(seed=st.integers(0, 999), codes=st.integers(1, 40))
def test_nearest_by_definition(seed: int, codes: int) -> None:
    part = nearest(codes)
    z = torch.randn(2, 6, DIM, generator=torch.Generator().manual_seed(seed))
    gaps = z.double().numpy()[:, :, None] - part.codebook.detach().double().numpy()
    distances = np.sqrt((gaps**2).sum(-1))
    chosen = part.codes(z).numpy()[..., None]
    np.testing.assert_allclose(np.take_along_axis(distances, chosen, 2)[..., 0], distances.min(-1), atol=1e-5)


def test_a_codes_embedding_has_that_code() -> None:
    for part in (nearest(), similarity()):
        every = torch.arange(7)[None]
        assert torch.equal(part.codes(part.embed(every)), every)


def test_losses_by_hand() -> None:
    """Van den Oord et al. 2017, equation 3: one loss moves codes alone, the other vectors alone."""
    part = nearest()
    z = torch.randn(2, 6, DIM, requires_grad=True)
    chosen = part(z, progress=0.5)
    vectors, book = z.detach().double().numpy(), part.codebook.detach().double().numpy()
    gaps = vectors - book[chosen.codes.numpy()]
    for loss in (alignment(z, chosen.tokens), commitment(z, chosen.tokens)):
        assert loss.item() == pytest.approx((gaps**2).mean(), rel=1e-5)

    to_codes = torch.autograd.grad(
        alignment(z, chosen.tokens), [part.codebook, z], retain_graph=True, allow_unused=True
    )
    expected = np.zeros_like(book)
    np.add.at(expected, chosen.codes.numpy().ravel(), -2 * gaps.reshape(-1, DIM) / gaps.size)
    np.testing.assert_allclose(to_codes[0].numpy(), expected, atol=1e-6)
    assert to_codes[1] is None
    to_vectors = torch.autograd.grad(commitment(z, chosen.tokens), [z, part.codebook], allow_unused=True)
    np.testing.assert_allclose(to_vectors[0].numpy(), 2 * gaps / gaps.size, atol=1e-6)
    assert to_vectors[1] is None


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_straight_through(share: float) -> None:
    """Forward a mixture of vector and code; backward as if nothing had been quantized, at any share."""
    part = nearest()
    z = torch.randn(2, 6, DIM, requires_grad=True)
    tokens = part(z, progress=0.0).tokens
    shown = straight_through(z, tokens, share=share)
    torch.testing.assert_close(shown, (1 - share) * z + share * tokens)
    arriving = torch.randn_like(shown)
    from_z, from_codes = torch.autograd.grad(shown, [z, part.codebook], arriving, allow_unused=True)
    torch.testing.assert_close(from_z, arriving)
    assert from_codes is None


@pytest.mark.parametrize("dim", [1, 4, 256])
def test_distances_of_normal_vectors(dim: int) -> None:
    mean, deviation = normal_distance(dim)
    chi = stats.chi(dim, scale=math.sqrt(2))
    assert (mean, deviation) == pytest.approx((chi.mean(), chi.std()), rel=1e-6)


def test_similarities_are_standardised() -> None:
    torch.manual_seed(1)
    part = SimilarityConfig(codes=2000, hidden=512).build(dim=64)
    scores = part.similarities(torch.randn(1, 500, 64)).double()
    assert scores.mean().item() == pytest.approx(0, abs=0.1)
    assert scores.std().item() == pytest.approx(1, abs=0.1)


def test_only_the_map_is_learned() -> None:
    part = similarity()
    chosen = part(torch.randn(2, 6, DIM), progress=0.0)
    assert [name for name, _ in part.named_parameters()] == ["map.weight"]
    assert "directions" in part.state_dict()
    (to_map,) = torch.autograd.grad(alignment(torch.randn(2, 6, DIM), chosen.tokens), [part.map.weight])
    assert to_map.abs().sum() > 0


def test_the_deviation_rises_along_a_cosine_of_its_logarithm() -> None:
    config = SimilarityConfig()
    assert [config.std_at(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx(
        [1, math.sqrt(2.35), 2.35]
    )
    steps = [config.std_at(progress / 20) for progress in range(21)]
    assert steps == sorted(steps)


def test_noise_draws_from_the_softmax_of_the_similarities() -> None:
    part = similarity(codes=4).train()
    vector = torch.randn(1, 1, DIM)
    drawn = part(
        vector.expand(40_000, 1, DIM), progress=1.0, generator=torch.Generator().manual_seed(3)
    ).codes
    found = torch.bincount(drawn.flatten(), minlength=4).double() / len(drawn)
    expected = (2.35 * part.similarities(vector)[0, 0].double()).softmax(0)
    torch.testing.assert_close(found, expected.detach(), atol=0.01, rtol=0)


def test_noise_is_for_training_alone() -> None:
    """Reference study, 6-C8: in the authors' code the targets of stage 2 are noisy too."""
    part, z = similarity(codes=200), torch.randn(2, 6, DIM)
    quiet = part.codes(z)
    part.train()
    assert not torch.equal(part(z, progress=0.0).codes, quiet)
    assert torch.equal(part.codes(z), quiet)
    assert torch.equal(part.eval()(z, progress=0.0).codes, quiet)
