"""Eight pictures, each method's own parts: what cannot fit these can learn nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dias.config import from_dict, merged
from dias.models import ImageModel
from dias.nn.decoders import CodeARConfig, Target
from dias.nn.decoders.counted import decode
from dias.objectives import image_loss
from dias.training.recipe import Recipe, read_settings
from moving import every_weight_moves

SIDE, CHANNELS, PICTURES = 4, 16, 8
SMALL: dict[str, Any] = {
    "model": {
        "channels": CHANNELS,
        "positions": SIDE * SIDE,
        "pca": None,
        "queries": {"slots": 4},
        "aggregation": {"slot_dim": 32},
    }
}


def pictures() -> Tensor:
    """Features (8, 16, 16) of a background and two squares, each with a feature of its own, and noise.

    As a ViT's, they tell their place: SPOT's decoder knows by nothing else which token is asked for.
    """
    generator = torch.Generator().manual_seed(0)
    place = torch.randn(SIDE * SIDE, CHANNELS, generator=generator)
    kinds = torch.randn(6, CHANNELS, generator=generator)
    found = []
    for _ in range(PICTURES):
        background, one, other = torch.randperm(6, generator=generator)[:3]
        picture = kinds[background].repeat(SIDE, SIDE, 1)
        for kind in (one, other):
            y, x = (int(i) for i in torch.randint(0, SIDE - 1, (2,), generator=generator))
            picture[y : y + 2, x : x + 2] = kinds[kind]
        found.append(picture.flatten(0, 1))
    return (
        torch.stack(found) + place + 0.1 * torch.randn(PICTURES, SIDE * SIDE, CHANNELS, generator=generator)
    )


def fitted(recipe: Recipe, features: Tensor, *, steps: int) -> tuple[ImageModel, float]:
    """The recipe's model after training on the features, which moves all its weights; and its loss before."""
    torch.manual_seed(0)
    model = recipe.model.build().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.training.lr, fused=True)
    first = None
    with every_weight_moves(model):
        for step in range(steps):
            output = model.from_features(features, reduce=False)
            loss = image_loss(output, config=recipe.objective, progress=step / steps).total
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe.training.clip)
            optimizer.step()
            first = first or float(loss.detach())
    assert first is not None
    return model.eval(), first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("bo-qsa-cpu", 650),
        ("dinosaur-mlp-cpu", 450),
        ("dinosaur-transformer-cpu", 150),
        ("spot-stage-1-cpu", 500),  # nine tasks in one: each order is seen in a ninth of the steps
    ],
)
def test_a_method_fits_eight_pictures_by_their_slots(name: str, steps: int) -> None:
    """The error falls below a tenth, and a picture is explained twice as badly by another's slots."""
    recipe = from_dict(Recipe, merged(read_settings(name), SMALL))
    features = pictures()
    model, first = fitted(recipe, features, steps=steps)
    with torch.no_grad():
        own = model.from_features(features, generator=torch.Generator().manual_seed(0))
        assert own.error is not None
        assert own.target is not None
        other = decode(model.decoder, own.slots.roll(1, dims=0), own.mask, own.target).error
    assert own.error.mean() < first / 10
    assert other.mean() > 2 * own.error.mean()


def test_slots_that_know_their_codes_generate_them() -> None:
    """Eight random sequences of codes, four slots each: learned so well that slots alone give them back."""
    torch.manual_seed(0)
    codes, book = torch.randint(16, (PICTURES, 25)), nn.Embedding(16, 32).requires_grad_(False)
    decoder = CodeARConfig(layers=2, heads=2).build(slot_dim=32, token_dim=32, positions=25, codes=16)
    slots = nn.Parameter(torch.randn(PICTURES, 4, 32))
    kept, target = torch.ones(PICTURES, 4, dtype=torch.bool), Target(tokens=book(codes), codes=codes)
    optimizer = torch.optim.Adam([slots, *decoder.parameters()], lr=3e-3)
    for _ in range(150):
        loss = decoder(slots, kept, target).error.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05
    with torch.no_grad():
        assert torch.equal(decoder.eval().generate(slots, kept, book), codes)
