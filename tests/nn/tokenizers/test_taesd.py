"""TAESD's layers, with weights from a folder in the place of the hub's."""

import sys

import pytest
import torch

from dias.errors import DiasError
from dias.nn.tokenizers import ImageVQConfig
from dias.nn.tokenizers.autoencoders import TAESDConfig
from dias.nn.tokenizers.autoencoders import taesd as module
from dias.nn.tokenizers.quantizers import NearestConfig

diffusers = pytest.importorskip("diffusers")


def tokenizer(name: str):  # type: ignore[no-untyped-def]
    config = ImageVQConfig(code_dim=4, autoencoder=TAESDConfig(name=name), quantizer=NearestConfig(codes=16))
    return config.build(channels=8, positions=9)


def test_a_grid_an_eighth_as_wide_and_back() -> None:
    part = tokenizer("none")
    coded = part.encode(torch.rand(2, 3, 24, 24))
    assert coded.tokens.shape == (2, 9, 4)
    assert part.decode(coded.tokens).shape == (2, 3, 24, 24)


def test_published_weights_are_taken_over(tmp_path: object) -> None:
    """Without its ends, each half computes what AutoencoderTiny does (which takes -1 to 1)."""
    torch.manual_seed(0)
    published = diffusers.AutoencoderTiny()
    published.save_pretrained(tmp_path)
    torch.manual_seed(1)
    part = tokenizer(str(tmp_path))
    assert part.start() == f"TAESD from {tmp_path}"
    pictures, latents = torch.rand(1, 3, 16, 16), torch.randn(1, 4, 2, 2)
    encoded = published.encoder.layers[-1](part.encoder.layers(pictures))
    torch.testing.assert_close(encoded, published.encoder(2 * pictures - 1))
    decoded = part.decoder.layers(published.decoder.layers[:2](3 * torch.tanh(latents / 3)))
    torch.testing.assert_close(2 * decoded - 1, published.decoder(latents))


def test_without_weights_it_starts_from_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "hub_problem", lambda: "no network")
    part = tokenizer("nobody/nothing")
    before = part.encoder.layers[0].weight.clone()
    assert part.start() == "TAESD from scratch: no weights of nobody/nothing (no network)"
    assert torch.equal(part.encoder.layers[0].weight, before)


def test_without_diffusers_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(DiasError, match=r"kind taesd: .*'dias-ocl\[diffusion\]' .*, or take kind conv"):
        tokenizer("none")
