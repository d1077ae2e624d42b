"""Which models make pictures of slots, and that these are what their parts say."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dias.backbones import Backbone, PixelsConfig
from dias.errors import DiasError
from dias.models.image import ImageModel, ImageModelConfig
from dias.models.pictures import check_pictures, pictures_of_slots, pictures_of_tokens
from dias.nn.decoders import (
    BroadcastMLPConfig,
    CodeARConfig,
    DiffusionConfig,
    PixelBroadcastConfig,
    RandomARConfig,
    Target,
)
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.tokenizers import ImageVQConfig
from dias.nn.tokenizers.autoencoders import ConvConfig
from dias.nn.tokenizers.quantizers import NearestConfig


def model(*, backbone: Backbone | None = None, **settings: object) -> ImageModel:
    torch.manual_seed(0)
    usual = {"channels": 3, "positions": 16, "aggregation": AggregationConfig(slot_dim=8)}
    return ImageModelConfig(**{**usual, **settings}).build(backbone=backbone).eval()  # type: ignore[arg-type]


def tokenizer() -> ImageVQConfig:
    return ImageVQConfig(
        code_dim=4, autoencoder=ConvConfig(width=8, blocks=1), quantizer=NearestConfig(codes=32)
    )


def slots(count: int = 2) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    kept = torch.tensor([[True, False, True]]).expand(count, -1)
    return torch.randn(count, 3, 8), kept


@pytest.mark.parametrize(
    "decoder", [BroadcastMLPConfig(layers=1, hidden=8), PixelBroadcastConfig(start=2, width=4)]
)
def test_pixels_are_shown_as_they_are(decoder: BroadcastMLPConfig | PixelBroadcastConfig) -> None:
    part = model(backbone=PixelsConfig(input_size=4).build(), decoder=decoder)
    images = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    target = part.see(images).features
    torch.testing.assert_close(pictures_of_tokens(part, target) * 255, images.float())
    seen, kept = slots()
    reconstruction = part.decoder(seen, kept, Target(tokens=target)).reconstruction
    expected = (reconstruction.mT.reshape(2, 3, 4, 4) * 0.5 + 0.5).clamp(0, 1)
    torch.testing.assert_close(pictures_of_slots(part, seen, kept), expected)


def test_a_diffusion_samples_codes_which_the_tokenizer_shows() -> None:
    pytest.importorskip("diffusers")
    decoder = DiffusionConfig(channels=(8, 8), layers=1, heads=2, sampling_steps=2)
    part = model(tokenizer=tokenizer(), target="codes", decoder=decoder)
    seen, kept = slots()
    pictures = pictures_of_slots(part, seen, kept, generator=torch.Generator().manual_seed(3))
    assert pictures.shape == (2, 3, 32, 32)
    assert 0 <= pictures.min() <= pictures.max() <= 1

    noise = torch.randn(1, 16, 4, generator=torch.Generator().manual_seed(3)).expand(2, -1, -1)
    codes = part.decoder.sample(seen, kept, start=noise, codebook=part.tokenizer)
    torch.testing.assert_close(codes, part.tokenizer.nearest(codes))
    torch.testing.assert_close(pictures, part.tokenizer.decode(codes))


def test_slate_generates_codes_which_the_tokenizer_shows() -> None:
    part = model(tokenizer=tokenizer(), target="codes", decoder=CodeARConfig(layers=1, heads=2))
    seen, kept = slots()
    codes = part.decoder.generate(seen, kept, part.tokenizer.embed)
    expected = part.tokenizer.decode(part.tokenizer.embed(codes))
    torch.testing.assert_close(pictures_of_slots(part, seen, kept), expected)
    with pytest.raises(DiasError, match="give the codebook"):
        part.decoder.from_slots(seen, kept)


def test_an_image_does_not_depend_on_its_place_in_the_batch() -> None:
    pytest.importorskip("diffusers")
    decoder = DiffusionConfig(channels=(8, 8), layers=1, heads=2, sampling_steps=2)
    part = model(tokenizer=tokenizer(), target="codes", decoder=decoder).decoder
    seen, kept = slots(3)
    together = part.from_slots(seen, kept, generator=torch.Generator().manual_seed(3))
    alone = part.from_slots(seen[2:], kept[2:], generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(together[2:], alone, atol=1e-5, rtol=1e-5)


def test_of_codes_beside_features_the_codes_are_shown() -> None:
    part = model(
        tokenizer=tokenizer(), target="codes_and_features", decoder=BroadcastMLPConfig(layers=1, hidden=8)
    )
    both = torch.randn(2, 16, 7)
    torch.testing.assert_close(pictures_of_tokens(part, both), pictures_of_tokens(part, both[..., :4]))
    assert pictures_of_slots(part, *slots()).shape == (2, 3, 32, 32)


def test_models_that_count_merged_slots_say_that_they_cannot() -> None:
    """Their decoder would meet each slot once, as it never did in training."""
    parts = {"tokenizer": tokenizer(), "target": "codes", "decoder": CodeARConfig(layers=1, heads=2)}
    counted = AggregationConfig(slot_dim=8, counted=True)
    with pytest.raises(DiasError, match=r"^pictures of slots: .*aggregation\.counted.*take a model") as error:
        pictures_of_slots(model(**parts, aggregation=counted), *slots())
    assert "\n" not in str(error.value)
    check_pictures(model(**parts, aggregation=replace(counted, counted=False)))
    check_pictures(model(**parts, aggregation=replace(counted, reduction=False)))  # then nothing is merged


def test_models_of_features_say_that_they_cannot() -> None:
    part = model(decoder=BroadcastMLPConfig(layers=1, hidden=8))
    with pytest.raises(DiasError, match=r"broadcast_mlp.*reconstructs features"):
        check_pictures(part)
    with pytest.raises(DiasError, match="features, not codes or pixels"):
        pictures_of_tokens(part, torch.randn(1, 16, 3))
    with pytest.raises(DiasError, match="random_ar needs part of the tokens"):
        pictures_of_slots(model(decoder=RandomARConfig(layers=1, heads=1)), *slots())
