"""Models whose decoder explains a tokenizer's codes: VVO-Tfd (SLATE's decoder), VVO-Mlp, VVO + DIAS."""

import pytest
import torch

from dias.models.image import ImageModel, ImageModelConfig
from dias.models.target import TargetKind
from dias.nn.decoders import BroadcastMLPConfig, CodeARConfig, Decoder, RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSeparateConfig
from dias.nn.tokenizers import FeatureVQConfig
from dias.nn.tokenizers.autoencoders import ConvConfig
from dias.nn.tokenizers.quantizers import SimilarityConfig
from dias.objectives import ObjectiveConfig, image_loss
from moving import every_weight_moves

CHANNELS, POSITIONS = 12, 16
MLP = BroadcastMLPConfig(layers=2, hidden=32)
RANDOM_AR = RandomARConfig(layers=2, heads=2, width=24)


def model(decoder: Decoder, *, dias: bool, target: TargetKind = "codes_and_features") -> ImageModel:
    torch.manual_seed(0)
    return ImageModelConfig(
        channels=CHANNELS,
        positions=POSITIONS,
        queries=NormalSeparateConfig(slots=4),
        aggregation=AggregationConfig(slot_dim=16, bilevel=True, reduction=dias, reinitialization=dias),
        tokenizer=FeatureVQConfig(
            code_dim=6,
            width=8,
            layers=2,
            autoencoder=ConvConfig(width=8, blocks=1, fine_blocks=0),
            quantizer=SimilarityConfig(codes=20, hidden=16),
        ),
        target=target,
        decoder=decoder,
    ).build()


def features() -> torch.Tensor:
    """Four pictures of a left and a right half, each half of one feature and some noise."""
    generator = torch.Generator().manual_seed(1)
    halves = torch.randn(4, 1, 2, 1, CHANNELS, generator=generator).expand(4, 4, 2, 2, CHANNELS)
    return halves.reshape(4, POSITIONS, CHANNELS) + 0.1 * torch.randn(
        4, POSITIONS, CHANNELS, generator=generator
    )


@pytest.mark.parametrize(
    ("decoder", "dias"), [(MLP, False), (RANDOM_AR, True)], ids=["VVO-Mlp", "VVO + DIAS"]
)
def test_four_pictures_are_fitted(decoder: Decoder, dias: bool) -> None:
    """The error falls below a third of what explaining nothing costs, and the tokenizer stays as it was."""
    part, seen = model(decoder, dias=dias).train(), features()
    before = {name: value.clone() for name, value in part.tokenizer.state_dict().items()}  # type: ignore[union-attr]
    optimizer = torch.optim.Adam([p for p in part.parameters() if p.requires_grad], lr=3e-3)
    objective = ObjectiveConfig(distillation="matched" if dias else "none", distillation_weight=0.1)
    with every_weight_moves(part):
        for step in range(200):
            loss = image_loss(part.from_features(seen, reduce=dias), config=objective, progress=step / 200)
            optimizer.zero_grad()
            loss.total.backward()
            optimizer.step()
    output = part.from_features(seen, reduce=dias)  # in evaluation, a random AR decoder is given all
    assert output.target is not None
    assert output.error is not None
    assert output.error.mean() < output.target.tokens.square().mean() / 3
    assert all(torch.equal(value, before[name]) for name, value in part.tokenizer.state_dict().items())  # type: ignore[union-attr]


def test_codes_of_four_pictures_are_predicted() -> None:
    """VVO-Tfd's decoder, and SLATE's: far better than by how often each code occurs."""
    part, seen = (
        model(CodeARConfig(layers=1, heads=2, width=16), dias=False, target="codes").train(),
        features(),
    )
    optimizer = torch.optim.Adam([p for p in part.parameters() if p.requires_grad], lr=3e-3)
    with every_weight_moves(part):
        for _ in range(200):
            output = part.from_features(seen, reduce=False)
            assert output.error is not None
            optimizer.zero_grad()
            output.error.mean().backward()
            optimizer.step()
    assert output.target is not None
    assert output.target.codes is not None
    shares = torch.bincount(output.target.codes.flatten()).double() / output.target.codes.numel()
    entropy = -torch.special.xlogy(shares, shares).sum()
    assert entropy > 0.5  # there is something to predict
    assert output.error.mean() < entropy / 3


def test_codes_stand_before_the_features() -> None:
    part, seen = model(RANDOM_AR, dias=True), features()
    output = part.eval().from_features(seen)
    assert output.target is not None
    assert part.tokenizer is not None
    coded = part.tokenizer.encode(seen)
    assert torch.equal(output.target.tokens, torch.cat([coded.tokens, seen], dim=2))
    assert torch.equal(output.target.codes, coded.codes)  # type: ignore[arg-type]
