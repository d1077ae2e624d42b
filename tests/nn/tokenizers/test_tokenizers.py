"""What every tokenizer promises, and each one's loss computed once more in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from dias.config import from_dict, to_dict
from dias.errors import DiasError, SettingError
from dias.models.image import ImageModelConfig
from dias.nn.tokenizers import DVAEConfig, FeatureVQConfig, ImageVQConfig, TokenizerPart
from dias.nn.tokenizers.autoencoders import ConvConfig
from dias.nn.tokenizers.quantizers import NearestConfig, SimilarityConfig

ROOT = Path(__file__).parents[3]
CHANNELS, CODES, DIM = 12, 20, 6
CONV = ConvConfig(width=8, blocks=1, fine_blocks=0)
NEAREST, SIMILARITY = NearestConfig(codes=CODES), SimilarityConfig(codes=CODES, hidden=16)
KINDS = {
    "dvae": DVAEConfig(codes=CODES, code_dim=DIM, autoencoder=CONV),
    "image_vq": ImageVQConfig(code_dim=DIM, autoencoder=CONV, quantizer=NEAREST),
    "image_vq, similarity": ImageVQConfig(code_dim=DIM, autoencoder=CONV, quantizer=SIMILARITY),
    "feature_vq": FeatureVQConfig(code_dim=DIM, width=8, layers=2, autoencoder=CONV, quantizer=SIMILARITY),
    "feature_vq, nearest": FeatureVQConfig(code_dim=DIM, autoencoder=CONV, quantizer=NEAREST),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
STD = np.array([0.229, 0.224, 0.225])[:, None, None]


def built(kind: str, *, positions: int = 16) -> TokenizerPart:
    torch.manual_seed(0)
    part = KINDS[kind].build(channels=CHANNELS, positions=positions)
    part.start()
    return part


def batch(positions: int = 16, *, images: int = 3, size: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures, and features of outliers' size, as a ViT's are before its last norm."""
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randint(0, 256, (images, 3, size, size), dtype=torch.uint8, generator=generator)
    return pictures, 30 * torch.randn(images, positions, CHANNELS, generator=generator)


def seen(part: TokenizerPart, pictures: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    return pictures if part.source == "images" else features


@every_kind
@given(side=st.integers(1, 5))
@settings(max_examples=5)
def test_shapes(kind: str, side: int) -> None:
    part = built(kind, positions=side * side)
    coded = part.encode(seen(part, *batch(side * side)))
    assert coded.tokens.shape == (3, side * side, DIM)
    assert part.channels == DIM
    assert part.codes == CODES
    assert coded.codes is not None
    assert coded.codes.shape == (3, side * side)
    assert coded.codes.min() >= 0
    assert coded.codes.max() < CODES
    pictures = part.decode(coded.tokens)
    assert pictures.shape == (3, 3, 8 * side, 8 * side)
    assert pictures.min() >= 0
    assert pictures.max() <= 1


@every_kind
def test_encoding_is_deterministic_in_any_mode(kind: str) -> None:
    part, given_ = built(kind), batch()
    modes = [part.train().encode(seen(part, *given_)), part.eval().encode(seen(part, *given_))]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        modes.append(part.encode(seen(part, *given_)))
    for coded in modes:
        assert torch.equal(coded.codes, modes[0].codes)  # type: ignore[arg-type]
        assert torch.equal(coded.tokens, modes[0].tokens)
        assert not coded.tokens.requires_grad
    assert torch.equal(part.encode(seen(part, *given_)[1:]).codes, modes[0].codes[1:])  # type: ignore[index, arg-type]


@every_kind
def test_a_code_has_one_embedding(kind: str) -> None:
    part = built(kind)
    coded = part.encode(seen(part, *batch()))
    assert coded.codes is not None
    for code in coded.codes.unique():
        embeddings = coded.tokens[coded.codes == code]
        assert (embeddings == embeddings[0]).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "dvae"])
def test_what_is_encoded_is_what_is_quantized(kind: str) -> None:
    part, given_ = built(kind), batch()
    vectors = part.encoded(seen(part, *given_))
    assert vectors.shape == (3, 16, DIM)
    assert vectors.requires_grad
    assert torch.equal(part.quantizer.codes(vectors), part.encode(seen(part, *given_)).codes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert part.encoded(seen(part, *given_)).dtype == torch.float32


@every_kind
def test_state_survives_a_file(kind: str, tmp_path: object) -> None:
    part = built(kind)
    save_file(part.state_dict(), f"{tmp_path}/tokenizer.safetensors")
    torch.manual_seed(9)
    other = KINDS[kind].build(channels=CHANNELS, positions=16)
    other.load_state_dict(load_file(f"{tmp_path}/tokenizer.safetensors"))
    one, two = (x.encode(seen(x, *batch())) for x in (part, other))
    assert torch.equal(one.tokens, two.tokens)
    assert torch.equal(part.decode(one.tokens), other.decode(two.tokens))


@every_kind
def test_settings_survive_a_round_trip(kind: str) -> None:
    assert from_dict(ImageModelConfig, {"tokenizer": to_dict(KINDS[kind])}).tokenizer == KINDS[kind]


@every_kind
def test_every_weight_learns(kind: str) -> None:
    part, (pictures, features) = built(kind).train(), batch()
    for module in part.modules():  # a grey start gives the layers before it no gradient in the first step
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=0.1)
    losses = part.loss(pictures, features, progress=0.3, generator=torch.Generator().manual_seed(0))
    torch.stack(list(losses.values())).sum().backward()
    idle = [name for name, p in part.named_parameters() if p.grad is None or p.grad.abs().sum() == 0]
    assert idle == []


@every_kind
def test_noise_of_the_loss_comes_from_its_generator(kind: str) -> None:
    part, (pictures, features) = built(kind).train(), batch()
    for module in part.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=0.1)

    def loss(seed: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        losses = part.loss(pictures, features, progress=0.0, generator=generator)
        return sum(value.item() for value in losses.values())

    before = torch.get_rng_state()
    assert loss(1) == loss(1)
    assert torch.equal(torch.get_rng_state(), before)
    noisy = "nearest" not in kind and kind != "image_vq"
    assert (loss(1) != loss(2)) == noisy
    part.eval()
    assert loss(1) == loss(2)


def error_in_float64(decoded: torch.Tensor, pictures: torch.Tensor, side: int) -> float:
    """Colours in units of ImageNet's standard deviation; the picture resized as torch does."""
    target = F.interpolate(pictures.float() / 255, size=(side, side), mode="bicubic", antialias=True)
    gaps = decoded.detach().double().numpy() - target.clamp(0, 1).double().numpy()
    return float(((gaps / STD) ** 2).mean())


def test_dvae_by_hand() -> None:
    """A softmax of (logits + noise) / temperature mixes codes; the loss is the picture's error alone."""
    part, (pictures, _) = built("dvae").train(), batch()
    losses = part.loss(pictures, None, progress=0.5, generator=torch.Generator().manual_seed(2))
    assert list(losses) == ["reconstruction"]
    shown = part._seen(pictures)
    logits = part.encoder(shown).flatten(2).mT.detach().double().numpy()
    drawn = torch.rand(3, 16, CODES, generator=torch.Generator().manual_seed(2)).double().numpy()
    scores = (logits - np.log(-np.log(drawn))) / 0.55
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    tokens = shares @ part.codebook.detach().double().numpy()
    grid = torch.from_numpy(tokens).float().mT.reshape(3, DIM, 4, 4)
    expected = error_in_float64(part.decoder(grid), pictures, 32)
    assert losses["reconstruction"].item() == pytest.approx(expected, rel=1e-4)


def test_temperatures() -> None:
    config = DVAEConfig(annealed=0.5)
    assert [config.temperature_at(progress) for progress in (0.0, 0.25, 0.5, 1.0)] == pytest.approx(
        [1, 0.55, 0.1, 0.1]
    )


def test_vq_vae_by_hand() -> None:
    part, (pictures, _) = built("image_vq").train(), batch()
    losses = part.loss(pictures, None, progress=0.0)
    encoded = part.encoder(part._seen(pictures)).flatten(2).mT.detach().double().numpy()
    coded = part.encode(pictures)
    gap = float(((encoded - coded.tokens.double().numpy()) ** 2).mean())
    grid = coded.tokens.mT.reshape(3, DIM, 4, 4)
    expected = [error_in_float64(part.decoder(grid), pictures, 32), gap, 0.25 * gap]
    assert list(losses) == ["reconstruction", "alignment", "commitment"]
    assert [loss.item() for loss in losses.values()] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("progress", "residual"), [(0.0, 1.0), (0.25, 0.5), (0.5, 0.0), (1.0, 0.0)])
def test_vvo_by_hand(progress: float, residual: float) -> None:
    """Reference study, 3.5: r = a z + (1 - a) q; picture, |q - z|, |z - r| / 4, |z - GN(z)| / 10."""
    part, (pictures, features) = built("feature_vq, nearest").train(), batch()
    torch.nn.init.normal_(part.quantizer.codebook)
    losses = part.loss(pictures, features, progress=progress)
    encoded = part.encoded(features)
    z, q = encoded.detach().double().numpy(), part.encode(features).tokens.double().numpy()
    r = residual * z + (1 - residual) * q
    centred = z - z.mean((1, 2), keepdims=True)
    own = centred / np.sqrt((centred**2).mean((1, 2), keepdims=True) + 1e-5)
    grid = torch.from_numpy(r).float().mT.reshape(3, DIM, 4, 4)
    expected = {
        "reconstruction": error_in_float64(part.decoder(grid), pictures, 32),
        "alignment": ((q - z) ** 2).mean(),
        "commitment": 0.25 * ((z - r) ** 2).mean(),
        "normalization": 0.1 * ((z - own) ** 2).mean(),
    }
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_the_residual_can_stay() -> None:
    """As the authors have it for synthetic scenes."""
    config = FeatureVQConfig(residual_end=1.0)
    assert {config.residual_at(progress / 10) for progress in range(11)} == {1.0}


def test_nearest_codes_start_where_pictures_are() -> None:
    """From ± 1 / codes, rendered scenes' vectors are three times as far from their codes."""
    torch.manual_seed(0)
    part = ImageVQConfig(code_dim=DIM, autoencoder=CONV, quantizer=NearestConfig(codes=60)).build(
        channels=CHANNELS, positions=256
    )
    files = sorted((ROOT / "data" / "scenes" / "train" / "images").glob("*.webp"))[:8]
    scenes = torch.stack(
        [torch.from_numpy(np.array(Image.open(file).convert("RGB"))).movedim(2, 0) for file in files]
    )
    before = part.loss(scenes, None, progress=0.0)["alignment"]
    assert part.start() is None  # nothing published in it
    assert part.loss(scenes, None, progress=0.0)["alignment"] < before / 3


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(SettingError, match=r"model\.positions: 12 is no square"):
        KINDS["dvae"].build(channels=CHANNELS, positions=12)
    part, (pictures, features) = built("feature_vq"), batch()
    with pytest.raises(DiasError, match="give both"):
        part.loss(pictures, None, progress=0.0)
    with pytest.raises(DiasError, match="features: 9 x 12, the tokenizer was made for 16 x 12"):
        part.encode(features[:, :9])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dvae", "image_vq", "feature_vq"])
def test_four_pictures_are_fitted(kind: str) -> None:
    """Two-coloured pictures come out of their codes with less than a third of their mean colour's error."""
    torch.manual_seed(3)
    colours = torch.rand(4, 2, 3, 1, 1)
    pictures = colours[:, 0].expand(4, 3, 32, 32).clone()
    for index, picture in enumerate(pictures):
        picture[:, 8 * (index % 2) : 8 * (index % 2) + 16, 8 : 8 * (index // 2) + 16] = colours[index, 1]
    features = F.avg_pool2d(pictures, 8).flatten(2).mT @ torch.randn(3, CHANNELS)
    config = {
        "dvae": DVAEConfig(codes=32, code_dim=16, autoencoder=ConvConfig(width=24, blocks=1)),
        "image_vq": ImageVQConfig(
            code_dim=16, autoencoder=ConvConfig(width=24, blocks=1), quantizer=NearestConfig(codes=32)
        ),
        "feature_vq": FeatureVQConfig(
            code_dim=16,
            width=24,
            layers=2,
            autoencoder=ConvConfig(width=24, blocks=1),
            quantizer=SimilarityConfig(codes=32, hidden=64, std_end=8.0),
        ),
    }[kind]
    part = config.build(channels=CHANNELS, positions=16).train()
    part.start()
    optimizer = torch.optim.Adam(part.parameters(), lr=3e-3)
    for step in range(150):
        loss = sum(part.loss(pictures, features, progress=step / 150).values())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[union-attr]
        optimizer.step()
    decoded = part.decode(part.encode(seen(part, pictures, features)).tokens)
    mean = pictures.mean(dim=(2, 3), keepdim=True)
    assert (decoded - pictures).square().mean() < (mean - pictures).square().mean() / 3
