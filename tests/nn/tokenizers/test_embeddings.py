"""Codes into vectors and back, for every tokenizer."""

import pytest
import torch

from dias.nn.tokenizers import DVAEConfig, FeatureVQConfig, ImageVQConfig, TokenizerPart
from dias.nn.tokenizers.autoencoders import ConvConfig
from dias.nn.tokenizers.quantizers import NearestConfig, SimilarityConfig

SMALL = ConvConfig(width=8, blocks=1)
QUANTIZER = NearestConfig(codes=20)
KINDS = [
    DVAEConfig(codes=20, code_dim=4, autoencoder=SMALL),
    ImageVQConfig(code_dim=4, autoencoder=SMALL, quantizer=QUANTIZER),
    FeatureVQConfig(code_dim=4, autoencoder=SMALL, quantizer=SimilarityConfig(codes=20, hidden=8)),
]


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
@torch.no_grad()
def test_codes_are_their_own_nearest_and_others_go_to_the_nearest(config: DVAEConfig) -> None:
    torch.manual_seed(0)
    part: TokenizerPart = config.build(channels=6, positions=16).eval()
    codes = torch.arange(20).reshape(2, 10)
    exact = part.embed(codes)
    assert exact.shape == (2, 10, 4)
    torch.testing.assert_close(part.nearest(exact), exact)
    vectors = torch.randn(2, 5, 4).mul(exact.std())
    chosen = part.nearest(vectors)
    book = exact.reshape(20, 4).double()
    for vector, found in zip(vectors.reshape(10, 4), chosen.reshape(10, 4), strict=True):
        best = (book - vector.double()).square().sum(dim=1).min()
        assert float((found - vector).double().square().sum()) == pytest.approx(float(best), rel=1e-4)


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
def test_tokens_are_the_embeddings_of_their_codes(config: DVAEConfig) -> None:
    torch.manual_seed(0)
    part: TokenizerPart = config.build(channels=6, positions=16).eval()
    seen = torch.rand(2, 3, 32, 32) if part.source == "images" else torch.randn(2, 16, 6)
    coded = part.encode(seen)
    assert torch.equal(part.embed(coded.codes), coded.tokens)
